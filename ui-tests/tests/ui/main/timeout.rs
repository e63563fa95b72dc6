// A program may run for as long as it likes.
#[gort::main(timeout = "5s")]
fn main() {}
