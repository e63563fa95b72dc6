// Nobody would give the arguments.
use gort::prelude::*;

fn main() {
    go!(move |id: u32| println!("{id}"));
}
