// A duration is a string with a unit.
#[gort::test(timeout = 5)]
fn answers() {
    assert_eq!(6 * 7, 42);
}

fn main() {}
