// `biased` ends with `;`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        biased,
        <-rx => {}
    }
}
