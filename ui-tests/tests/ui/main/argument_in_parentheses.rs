// An argument is written with `=`.
#[gort::main(procs(4))]
fn main() {
    println!("hello");
}
