// Whose thread-locals: those of the threads are what there is without a word.
#[gort::main(thread_locals = "shared")]
fn main() {
    println!("hello");
}
