// A goroutine that is to have the threads' thread-locals promises what no compiler checks.
fn main() {
    let builder = gort::Builder::new().shared_thread_locals();
    builder.spawn(|| println!("hello")).unwrap();
}
// fix: gort::Builder::new().own_thread_locals()
