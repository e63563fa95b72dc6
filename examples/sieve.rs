//! Prints the first N primes, by a chain of goroutines. Go: the prime sieve,
//! go.dev/doc/play/sieve.go.
//!
//! ```text
//! generate ──2 3 4 5 6 7 8 9…──► filter 2 ──3 5 7 9…──► filter 3 ──5 7…──► filter 5 ──7…──►
//! ```
//! The first number out of each filter is a prime, and becomes the prime of the next filter.

use gort::prelude::*;
use gort_examples::{Failure, Outcome, number, program};
use std::io::{self, Write};
use std::process::ExitCode;

#[gort::main]
fn main() -> ExitCode {
    program("sieve N", |args| match args {
        [n] => sieve(number(n)?),
        _ => Err(Failure::usage("expected how many primes to print")),
    })
}

fn sieve(n: u32) -> Outcome {
    let (tx, mut numbers) = bounded(0);
    go!(generate(tx));
    for _ in 0..n {
        let Ok(prime) = numbers.recv() else { break };
        // The output is locked for one line at a time: a std lock must not be held across a wait.
        writeln!(io::stdout(), "{prime}")?;
        let (tx, filtered) = bounded(0);
        go!(filter(numbers, tx, prime));
        numbers = filtered;
    }
    Ok(())
}

/// Sends 2, 3, 4, … until the receiver is dropped.
fn generate(numbers: Sender<u64>) {
    for number in 2.. {
        if numbers.send(number).is_err() {
            return;
        }
    }
}

/// Passes on the numbers that `prime` does not divide.
fn filter(numbers: Receiver<u64>, filtered: Sender<u64>, prime: u64) {
    for number in numbers {
        if number % prime != 0 && filtered.send(number).is_err() {
            return;
        }
    }
}
