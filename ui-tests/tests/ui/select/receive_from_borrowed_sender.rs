// A sender behind a reference does not receive either.
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
