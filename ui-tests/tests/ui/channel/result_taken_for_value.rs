// A receive returns a `Result`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let value: u32 = rx.recv();
    println!("{value}");
}
// fix: `let Ok(value) = rx.recv() else { … };`, since the channel may be closed.
