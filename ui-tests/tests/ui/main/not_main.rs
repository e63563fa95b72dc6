// A program starts at `main`.
#[gort::main]
fn start() {
    println!("never called");
}

fn main() {
    start();
}
