// The name of a function without its arguments.
use gort::prelude::*;

fn serve() {}

fn main() {
    let server = go!(serve);
    server.join().unwrap();
}
