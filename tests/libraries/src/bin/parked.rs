//! How much memory a parked goroutine takes, with the allocator that this is built with (features `jemalloc`, `mimalloc`).
//!
//! ```text
//! parked own|shared nothing|strings [GOROUTINES]
//! ```
//!
//! `strings`: before it parks, each has formatted 60 strings of up to 1 kB, kept them until the last, and freed them.
//! What stays is what the allocator keeps for what it takes for a thread.

use gort::prelude::*;
use gort_libraries::{SHARED, own};
use gort_tests::{resident_bytes, settle};
use std::hint::black_box;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn allocator() -> &'static str {
    if cfg!(feature = "jemalloc") {
        "jemalloc"
    } else if cfg!(feature = "mimalloc") {
        "mimalloc"
    } else {
        "libc's malloc"
    }
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
    let what = format!("{mode}, {work}, {}", allocator());
    let strings = work == "strings";
    let n: usize = args.get(2).map_or(10_000, |n| n.parse().expect("a number"));
    if mode == "shared" {
        // SAFETY: no other thread exists yet.
        unsafe { std::env::set_var(SHARED, "1") };
    }
    gort::runtime::run(move || {
        // What is made once.
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
