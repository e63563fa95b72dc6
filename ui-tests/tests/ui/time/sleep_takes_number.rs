// A sleep needs a unit, unlike Go's `time.Sleep(100)`.
fn main() {
    gort::time::sleep(100);
}
// fix: `sleep(Duration::from_millis(100))`.
