// Goroutines that borrow: each form of `go!(in s; …)`, and the shape of std's scope.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

fn add(total: &AtomicU32, n: u32) {
    total.fetch_add(n, Relaxed);
}

#[gort::main]
pub(crate) fn main() {
    let values = vec![1, 2, 3];
    let total = AtomicU32::new(0);
    let mut parts = [0; 4];
    gort::scope(|s| {
        go!(in s; add(&total, 1));
        let borrowed = &s;
        go!(in borrowed; add(&total, 0));
        go!(in s; || add(&total, values[1]));
        go!(in s, name = "third", stack = 64 * 1024; || add(&total, values[2]));
        let (values, total) = (&values, &total);
        go! { in s;
            add(total, values[0]);
        };
        s.spawn(move || {
            // A goroutine of the scope starts another.
            go!(in s; move || add(total, 10));
        });
        for (i, part) in parts.iter_mut().enumerate() {
            go!(in s; move || *part = i);
        }
    });
    assert_eq!(total.into_inner(), 17);
    assert_eq!(parts, [0, 1, 2, 3]);
    assert_eq!(values.len(), 3);
}
