// A scope lets goroutines borrow, not write to the same place.
use gort::prelude::*;

fn main() {
    let mut total = 0;
    gort::scope(|s| {
        go!(in s; || total += 1);
        go!(in s; || total += 2);
    });
    println!("{total}");
}
// fix: a `Mutex` or an atomic around the total, or a part of the whole for each (`split_at_mut`, `chunks_mut`).
