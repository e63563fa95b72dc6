// A number of procs is no text.
#[gort::main(procs = "four")]
fn main() {
    println!("hello");
}
