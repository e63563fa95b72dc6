//! Measures how much memory a parked goroutine takes, with the allocator that this is built with
//! (features `jemalloc`, `mimalloc`).
//!
//! ```text
//! parked own|shared nothing|strings [GOROUTINES]
//! parked own|shared pairs
//! ```
//!
//! With the feature `on-thread` the allocator is wrapped in `gort::alloc::OnThread`.
//!
//! `strings`: before it parks, each goroutine formats 60 strings of up to 1 kB, and frees them when
//! all are formatted. What remains is the cache that the allocator keeps for the goroutine, as it
//! would for a thread.
//!
//! `pairs` measures time instead: how many nanoseconds one goroutine needs to allocate 64 bytes and
//! free them at once. It prints the least of 5,000 short rounds.

use gort::prelude::*;
use gort_libraries::{SHARED, own};
use gort_tests::{resident_bytes, settle};
use std::hint::black_box;
use std::time::Instant;

#[cfg(feature = "jemalloc")]
type Chosen = tikv_jemallocator::Jemalloc;
#[cfg(feature = "jemalloc")]
const CHOSEN: Chosen = tikv_jemallocator::Jemalloc;

#[cfg(feature = "mimalloc")]
type Chosen = mimalloc::MiMalloc;
#[cfg(feature = "mimalloc")]
const CHOSEN: Chosen = mimalloc::MiMalloc;

#[cfg(not(any(feature = "jemalloc", feature = "mimalloc")))]
type Chosen = std::alloc::System;
#[cfg(not(any(feature = "jemalloc", feature = "mimalloc")))]
const CHOSEN: Chosen = std::alloc::System;

#[cfg(feature = "on-thread")]
#[global_allocator]
static ALLOCATOR: gort::alloc::OnThread<Chosen> = gort::alloc::OnThread(CHOSEN);

#[cfg(not(feature = "on-thread"))]
#[global_allocator]
static ALLOCATOR: Chosen = CHOSEN;

fn allocator() -> &'static str {
    if cfg!(feature = "jemalloc") {
        "jemalloc"
    } else if cfg!(feature = "mimalloc") {
        "mimalloc"
    } else {
        "libc's malloc"
    }
}

/// Returns the nanoseconds that allocating and freeing 64 bytes takes, as the least of 5,000
/// rounds. The rounds are so short that in most of them the thread keeps its core.
fn pairs() -> f64 {
    const TIMES: u32 = 1_000;
    let round = || {
        let begun = Instant::now();
        for i in 0..TIMES {
            drop(black_box(Box::new([i; 16])));
        }
        begun.elapsed().as_nanos() as f64 / f64::from(TIMES)
    };
    (0..5_000).map(|_| round()).fold(f64::INFINITY, f64::min)
}

/// Formats 60 strings of up to 1 kB, and frees them.
#[inline(never)]
fn format_strings() {
    let strings: Vec<String> = (1..=60)
        .map(|i| format!("{i:width$}", width = i * 16))
        .collect();
    black_box(&strings);
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let ([mode, work] | [mode, work, _]) = &*args else {
        panic!("parked own|shared nothing|strings [GOROUTINES]");
    };
    let wrapped = if cfg!(feature = "on-thread") {
        " on the thread"
    } else {
        ""
    };
    let what = format!("{mode}, {work}, {}{wrapped}", allocator());
    let work = work.clone();
    let strings = work == "strings";
    let n: usize = args.get(2).map_or(10_000, |n| n.parse().expect("a number"));
    if mode == "shared" {
        // SAFETY: no other thread exists yet.
        unsafe { std::env::set_var(SHARED, "1") };
    }
    gort::runtime::run(move || {
        if work == "pairs" {
            let each = own(pairs).join().expect("it ends");
            println!("{what}: {each:.1} ns each");
            return;
        }
        // The first goroutine makes the allocations that are made only once.
        let first = own(move || strings.then(format_strings));
        first.join().expect("a goroutine that ends");
        let (end, ended) = bounded::<()>(0);
        let before = resident_bytes();
        let all: Vec<_> = (0..n)
            .map(|_| {
                let ended = ended.clone();
                own(move || {
                    if strings {
                        format_strings();
                    }
                    let _ = ended.recv();
                })
            })
            .collect();
        settle();
        let each = (resident_bytes() - before) / n;
        println!("{what}: {each} bytes each, {n} goroutines");
        drop(end);
        for one in all {
            one.join().expect("a goroutine that ends");
        }
    });
}
