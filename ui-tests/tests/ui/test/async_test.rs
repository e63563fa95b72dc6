// A test is a goroutine, and cannot await.
#[gort::test]
async fn answers() {
    assert_eq!(6 * 7, 42);
}

fn main() {}
