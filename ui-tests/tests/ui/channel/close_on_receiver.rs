// TY02: only a sender closes.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    rx.close();
}
