// The argument is given twice.
#[gort::main(procs = 4, procs = 8)]
fn main() {
    println!("hello");
}
