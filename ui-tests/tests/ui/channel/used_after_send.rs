// A value that was sent belongs to the receiver.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<Vec<u32>>(1);
    let values = vec![1, 2, 3];
    tx.send(values).unwrap();
    println!("{}", values.len());
}
// fix: use the value before the send, or send a clone or an `Arc`.
