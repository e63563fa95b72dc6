// The function takes one.
use gort::prelude::*;

fn serve(port: u16) {
    println!("{port}");
}

fn main() {
    go!(serve(80, 443));
}
