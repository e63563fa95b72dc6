// A deferred block cannot await.
use gort::prelude::*;

fn main() {
    defer! {
        std::future::ready(()).await;
    }
    println!("hello");
}
