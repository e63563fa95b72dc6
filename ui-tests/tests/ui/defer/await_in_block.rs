// A deferred block blocks.
use gort::prelude::*;

fn main() {
    defer! {
        std::future::ready(()).await;
    }
    println!("hello");
}
