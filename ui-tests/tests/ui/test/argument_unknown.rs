// There is no such argument.
#[gort::test(retries = 3)]
fn answers() {
    assert_eq!(6 * 7, 42);
}

fn main() {}
