// A test gets no arguments.
#[gort::test]
fn answers(expected: u32) {
    assert_eq!(6 * 7, expected);
}

fn main() {}
