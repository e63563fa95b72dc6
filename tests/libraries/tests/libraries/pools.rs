//! rayon. Each thread remembers which worker of which pool it is, and what `install` blocks on.

use crate::TIMES;
use gort::prelude::*;
use gort_libraries::{many, moving, own, wait};
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Number of goroutines. It is small because a goroutine that waits for the pool occupies a thread.
const MANY: usize = 100;

fn pool() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap()
}

moving! {
    // TL06
    fn what_is_installed_waits_for_goroutines() {
        let pool = Arc::new(pool());
        many(MANY, move |i| {
            for _ in 0..TIMES {
                let (tx, rx) = bounded(0);
                drop(own(move || {
                    wait();
                    tx.send(i).unwrap();
                }));
                let sum = pool.install(|| {
                    let value = rx.recv().unwrap();
                    (0..100).into_par_iter().map(|n| n + value).sum::<usize>()
                });
                assert_eq!(sum, 4950 + 100 * i);
                wait();
            }
        });
    }

    // TL06
    fn a_goroutine_waits_in_a_scope_of_a_pool() {
        let pool = Arc::new(pool());
        many(MANY, move |i| {
            for _ in 0..TIMES {
                assert_eq!(rayon::current_thread_index(), None);
                let sum = AtomicUsize::new(0);
                pool.in_place_scope(|scope| {
                    wait();
                    scope.spawn(|_| { sum.fetch_add(i, SeqCst); });
                    wait();
                    let (one, two) = rayon::join(|| 1, || 2);
                    sum.fetch_add(one + two, SeqCst);
                });
                assert_eq!(sum.into_inner(), i + 3);
                wait();
            }
        });
    }
}
