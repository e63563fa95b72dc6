// Nobody passes them.
#[gort::main]
fn main(args: Vec<String>) {
    println!("{args:?}");
}
