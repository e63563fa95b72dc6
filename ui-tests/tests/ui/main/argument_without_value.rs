// `procs` has no value.
#[gort::main(procs)]
fn main() {
    println!("hello");
}
