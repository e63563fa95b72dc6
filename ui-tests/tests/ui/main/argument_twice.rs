// One number of procs is enough.
#[gort::main(procs = 4, procs = 8)]
fn main() {
    println!("hello");
}
