// The channel carries strings, but the variable is a reference to one.
use gort::prelude::*;

fn announce(tx: &Sender<String>, name: &String) {
    select! {
        tx <- name => {}
    }
}

fn main() {
    let (tx, _rx) = bounded(1);
    announce(&tx, &String::new());
}
// fix: `tx <- name.clone() => {}`.
