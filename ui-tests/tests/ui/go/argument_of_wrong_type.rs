// The function takes a number.
use gort::prelude::*;

fn serve(port: u16) {
    println!("{port}");
}

fn main() {
    go!(serve("http"));
}
// fix: pass an argument of the function's type.
