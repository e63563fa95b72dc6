// Only a function can run.
#[gort::main]
struct Main;

fn main() {
    let _ = Main;
}
