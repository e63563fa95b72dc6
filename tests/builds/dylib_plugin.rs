//! A Rust `dylib` that contains gort. It starts goroutines itself, and exports gort to the program.

pub use gort;

/// Returns 0 + 1 + … + n - 1, computed by another goroutine.
pub fn sum(n: u64) -> u64 {
    let (tx, rx) = gort::channel::bounded(0);
    gort::go!(move || (0..n).for_each(|i| tx.send(i).unwrap()));
    rx.iter().sum()
}
