// The attribute works only on the function `main`.
#[gort::main]
fn start() {
    println!("never called");
}

fn main() {
    start();
}
