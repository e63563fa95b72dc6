// A goroutine blocks; it cannot await.
use gort::prelude::*;

fn main() {
    go! {
        let answer = std::future::ready(1).await;
        println!("{answer}");
    };
}
