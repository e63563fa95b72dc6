// Only a sender closes.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    rx.close();
}
// fix: close by a sender, `tx.close()`; dropping the last receiver ends the channel too.
// TY02
