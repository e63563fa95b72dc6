// A sender does not receive.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    let value = tx.recv();
    println!("{value:?}");
}
// fix: `rx.recv()`.
// TY01
