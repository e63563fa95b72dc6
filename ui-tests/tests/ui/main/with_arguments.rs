// Nobody passes arguments to main.
#[gort::main]
fn main(args: Vec<String>) {
    println!("{args:?}");
}
