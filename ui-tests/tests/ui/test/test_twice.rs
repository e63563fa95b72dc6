// `#[gort::test]` replaces `#[test]`.
#[gort::test]
#[test]
fn answers() {
    assert_eq!(6 * 7, 42);
}

fn main() {}
