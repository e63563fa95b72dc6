// The runtime calls main as a safe function.
#[gort::main]
unsafe fn main() {
    println!("never called");
}
