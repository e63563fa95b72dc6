// Leaks fail a test unless they are allowed.
#[gort::test(leaks = "deny")]
fn answers() {
    assert_eq!(6 * 7, 42);
}

fn main() {}
