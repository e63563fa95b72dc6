// A oneshot channel carries one value: `send` takes the sender.
use gort::sync::oneshot;

fn main() {
    let (tx, _rx) = oneshot::channel();
    tx.send(1).unwrap();
    tx.send(2).unwrap();
}
// fix: `bounded(n)`, or `watch::channel` if only the latest value matters.
