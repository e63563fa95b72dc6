// A goroutine blocks; there is nothing to await.
use gort::prelude::*;

fn main() {
    go! {
        let answer = std::future::ready(1).await;
        println!("{answer}");
    };
}
