// Main has no goroutines to answer for.
#[gort::main(leaks = "allow")]
fn main() {
    println!("hello");
}
