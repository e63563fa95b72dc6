// The caller must promise to follow the rule about shared thread-locals.
fn main() {
    let builder = gort::Builder::new().shared_thread_locals();
    builder.spawn(|| println!("hello")).unwrap();
}
// fix: `gort::Builder::new().own_thread_locals()`.
