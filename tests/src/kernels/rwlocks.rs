//! Kernels of reader, writer, reader: a waiting writer keeps new readers out, and the goroutine
//! that reads wants to read again.

use super::Kernel;
use super::Outcome::{Leaks, Stuck};
use crate::settle;
use gort::prelude::*;
use gort::sync::RwLock;
use std::sync::Arc;

/// Starts a writer that writes once. When this returns, the writer has written, or waits for a
/// reader.
fn write(lock: &Arc<RwLock<u32>>) -> JoinHandle<()> {
    let lock = lock.clone();
    let writer = spawn(move || *lock.write() += 1);
    settle();
    writer
}

/// Locks for reading again.
fn sum(lock: &RwLock<u32>) -> u32 {
    *lock.read()
}

/// Runs `n` goroutines that read twice, the second time in a function, while a writer waits.
fn readers_read_twice(n: usize) {
    let lock = Arc::new(RwLock::new(1));
    let (reading, go_on) = (WaitGroup::new(), WaitGroup::new());
    reading.add(n);
    go_on.add(1);
    for _ in 0..n {
        go!(clone [lock, reading, go_on]; {
            let first = lock.read();
            reading.done();
            go_on.wait();
            sum(&lock) + *first
        });
    }
    reading.wait();
    let writer = write(&lock);
    go_on.done();
    settle();
    drop(writer);
}

/// Does the same, except that each goroutine releases the lock before it reads again.
fn readers_read_once(n: usize) {
    let lock = Arc::new(RwLock::new(1));
    let all = WaitGroup::new();
    for _ in 0..n {
        let lock = lock.clone();
        all.go(move || {
            let first = *lock.read();
            sum(&lock) + first
        });
    }
    *lock.write() += 1;
    all.wait();
    assert_eq!(sum(&lock), 2);
}

pub(super) const READ_AGAIN: &[Kernel] = &[
    Kernel {
        name: "cockroach#6181 printing a descriptor reads under a lock that the printer holds",
        outcome: Leaks(&["sync.RWMutex.Lock", "sync.RWMutex.RLock"]),
        broken: || readers_read_twice(1),
        fixed: || readers_read_once(1),
    },
    Kernel {
        name: "kubernetes#62464 two policies read twice",
        outcome: Leaks(&[
            "sync.RWMutex.Lock",
            "sync.RWMutex.RLock",
            "sync.RWMutex.RLock",
        ]),
        broken: || readers_read_twice(2),
        fixed: || readers_read_once(2),
    },
    Kernel {
        name: "kubernetes#58107 main reads, a writer waits, main reads again",
        outcome: Stuck(&["sync.RWMutex.Lock", "sync.RWMutex.RLock"]),
        broken: || {
            let lock = Arc::new(RwLock::new(1));
            let first = lock.read();
            drop(write(&lock));
            assert_eq!(sum(&lock), *first);
        },
        fixed: || {
            let lock = Arc::new(RwLock::new(1));
            let first = lock.read();
            let writer = spawn({
                let lock = lock.clone();
                move || *lock.write() += 1
            });
            drop(first);
            writer.join().unwrap();
            assert_eq!(sum(&lock), 2);
        },
    },
    Kernel {
        name: "a reader that wants to write",
        outcome: Stuck(&["sync.RWMutex.Lock"]),
        broken: || {
            let lock = RwLock::new(0);
            let seen = lock.read();
            *lock.write() = *seen + 1;
        },
        fixed: || {
            let lock = RwLock::new(0);
            let seen = *lock.read();
            *lock.write() = seen + 1;
        },
    },
];
