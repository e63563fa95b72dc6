// Somebody has to run.
#[gort::main(procs = 0)]
fn main() {
    println!("hello");
}
