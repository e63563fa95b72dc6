// Nor is its closure.
use gort::prelude::*;

fn main() {
    go!(async move || println!("never polled"));
}
