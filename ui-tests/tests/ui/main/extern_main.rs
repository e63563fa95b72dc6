// Nobody calls it from C.
#[gort::main]
extern "C" fn main() {
    println!("never called");
}
