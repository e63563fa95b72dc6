// A test cannot end at once.
#[gort::test(timeout = "0s")]
fn answers() {
    assert_eq!(6 * 7, 42);
}

fn main() {}
