// Nothing says what `T` is.
#[gort::main]
fn main<T>() {
    println!("never called");
}
