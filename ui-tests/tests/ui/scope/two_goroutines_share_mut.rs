// A scope lets goroutines borrow, but not write to the same place.
use gort::prelude::*;

fn main() {
    let mut total = 0;
    gort::scope(|s| {
        go!(in s; || total += 1);
        go!(in s; || total += 2);
    });
    println!("{total}");
}
// fix: a `Mutex` or an atomic, or a separate part for each (`split_at_mut`, `chunks_mut`).
