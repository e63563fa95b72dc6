// No test can end within a time limit of zero.
#[gort::test(timeout = "0s")]
fn answers() {
    assert_eq!(6 * 7, 42);
}

fn main() {}
