// Arguments are separated by commas.
#[gort::main(procs = 4 stack = 65536)]
fn main() {
    println!("hello");
}
