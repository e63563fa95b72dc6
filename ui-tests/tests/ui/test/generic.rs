// Nothing determines `T`.
#[gort::test]
fn answers<T>() {
    assert_eq!(6 * 7, 42);
}

fn main() {}
