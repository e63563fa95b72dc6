// A closure that makes a future is not a call.
use gort::prelude::*;

fn main() {
    go!(async move || println!("never polled"));
}
