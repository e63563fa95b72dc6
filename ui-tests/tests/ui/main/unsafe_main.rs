// The runtime calls main, and promises nothing.
#[gort::main]
unsafe fn main() {
    println!("never called");
}
