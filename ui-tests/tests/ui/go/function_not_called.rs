// The function is named, but not called.
use gort::prelude::*;

fn serve() {}

fn main() {
    let server = go!(serve);
    server.join().unwrap();
}
