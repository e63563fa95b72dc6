// The function takes one argument.
use gort::prelude::*;

fn serve(port: u16) {
    println!("{port}");
}

fn main() {
    go!(serve(80, 443));
}
// fix: one `go!` for each call.
