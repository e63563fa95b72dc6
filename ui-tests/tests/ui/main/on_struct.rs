// The attribute works only on a function.
#[gort::main]
struct Main;

fn main() {
    let _ = Main;
}
