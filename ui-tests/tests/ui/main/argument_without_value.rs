// `procs` and no number.
#[gort::main(procs)]
fn main() {
    println!("hello");
}
