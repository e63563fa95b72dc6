// One arm waits for one channel.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let all = vec![rx];
    select! {
        <-all => {}
    }
}
// fix: write an arm for each channel, or use `gort::channel::Select` for any number.
