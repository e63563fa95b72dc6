//! A Rust `dylib` that contains gort: it starts goroutines itself, and gives gort to the program.

pub use gort;

/// 0 + 1 + … + n - 1, from another goroutine.
pub fn sum(n: u64) -> u64 {
    let (tx, rx) = gort::channel::bounded(0);
    gort::go!(move || (0..n).for_each(|i| tx.send(i).unwrap()));
    rx.iter().sum()
}
