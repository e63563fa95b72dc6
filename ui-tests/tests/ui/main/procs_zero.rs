// Somebody has to run: zero procs.
#[gort::main(procs = 0)]
fn main() {
    println!("hello");
}
