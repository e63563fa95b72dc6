// Shared thread-locals are the default, and have no argument.
#[gort::main(thread_locals = "shared")]
fn main() {
    println!("hello");
}
