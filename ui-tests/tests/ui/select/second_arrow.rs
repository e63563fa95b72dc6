// An arm has one operation.
use gort::prelude::*;

fn main() {
    let (tx, rx) = bounded::<u32>(1);
    select! {
        tx <- <-rx => {}
    }
}
