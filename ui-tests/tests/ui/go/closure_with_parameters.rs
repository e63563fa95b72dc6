// `go!` calls the closure without arguments.
use gort::prelude::*;

fn main() {
    go!(move |id: u32| println!("{id}"));
}
