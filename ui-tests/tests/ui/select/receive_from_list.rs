// One arm waits for one channel.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let all = vec![rx];
    select! {
        <-all => {}
    }
}
// fix: an arm for each, or `gort::channel::Select` for any number.
