// Only tests check for leaked goroutines.
#[gort::main(leaks = "allow")]
fn main() {
    println!("hello");
}
