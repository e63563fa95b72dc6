// `biased` is given twice.
use gort::channel::select_biased;
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select_biased! {
        biased;
        <-rx => {}
    }
}
