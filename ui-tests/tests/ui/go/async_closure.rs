// Calling a closure that returns a future does not run the future.
use gort::prelude::*;

fn main() {
    go!(async move || println!("never polled"));
}
