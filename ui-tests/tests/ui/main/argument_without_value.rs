// `procs` and nothing.
#[gort::main(procs)]
fn main() {
    println!("hello");
}
