// A value that was sent is the receiver's.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<Vec<u32>>(1);
    let values = vec![1, 2, 3];
    tx.send(values).unwrap();
    println!("{}", values.len());
}
// fix: use it before, or send a clone or an `Arc`.
