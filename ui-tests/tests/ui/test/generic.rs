// Nothing says what `T` is.
#[gort::test]
fn answers<T>() {
    assert_eq!(6 * 7, 42);
}

fn main() {}
