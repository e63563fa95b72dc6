// At least one proc is needed to run goroutines.
#[gort::main(procs = 0)]
fn main() {
    println!("hello");
}
