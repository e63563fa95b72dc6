// The number of procs is not a string.
#[gort::main(procs = "four")]
fn main() {
    println!("hello");
}
