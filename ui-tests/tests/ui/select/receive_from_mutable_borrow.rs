// The arm only borrows the channel; it need not be mutable.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-&mut rx => {}
    }
}
// fix: `<-rx => {}`.
