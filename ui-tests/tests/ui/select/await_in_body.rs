// A body cannot await.
use gort::prelude::*;

async fn work() {}

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => work().await,
    }
}
// fix: `gort::future::block_on(work())`.
