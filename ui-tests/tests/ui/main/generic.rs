// Nothing determines `T`.
#[gort::main]
fn main<T>() {
    println!("never called");
}
