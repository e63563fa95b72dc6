// Only tests have a time limit.
#[gort::main(timeout = "5s")]
fn main() {}
