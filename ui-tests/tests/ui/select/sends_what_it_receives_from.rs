// The receiver could be dropped while the select still waits on it.
use gort::channel::never;
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<Receiver<u32>>(1);
    let idle = never();
    select! {
        tx <- idle => {}
        <-idle => {}
    }
}
// fix: receive from a clone: first write `let waiting = idle.clone();`, then `<-waiting => …`.
