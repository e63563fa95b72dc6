// Arguments are separated.
#[gort::main(procs = 4 stack = 65536)]
fn main() {
    println!("hello");
}
