// A sender does not receive, even behind a reference.
use gort::prelude::*;

fn wait(tx: &Sender<u32>) {
    select! {
        <-tx => {}
    }
}

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    wait(&tx);
}
// fix: `<-rx => {}`.
