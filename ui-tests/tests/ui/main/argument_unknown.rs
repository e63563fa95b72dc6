// There is no such argument.
#[gort::main(threads = 4)]
fn main() {
    println!("hello");
}
