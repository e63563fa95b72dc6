// The size of a stack is a `usize`.
const SIZE: u32 = 65536;

#[gort::main(stack = SIZE)]
fn main() {
    println!("hello");
}
// fix: `const SIZE: usize`.
