// The caller must promise that the goroutine follows the rule for shared thread-locals.
fn main() {
    let builder = gort::Builder::new().shared_thread_locals();
    builder.spawn(|| println!("hello")).unwrap();
}
// fix: `gort::Builder::new().own_thread_locals()`.
