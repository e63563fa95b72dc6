// C code does not call main.
#[gort::main]
extern "C" fn main() {
    println!("never called");
}
