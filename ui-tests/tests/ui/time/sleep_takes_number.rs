// Go's `time.Sleep(100)`: a hundred what?
fn main() {
    gort::time::sleep(100);
}
// fix: `sleep(Duration::from_millis(100))`.
