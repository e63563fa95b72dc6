//! tokio. Each thread remembers which runtime it has entered, and what runs inside `block_on`.

use crate::{MANY, TIMES};
use gort::prelude::*;
use gort_libraries::{many, moving, own, wait};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use tokio::runtime::{self, Handle, Runtime};
use tokio::task;

pub(crate) fn current_thread() -> Runtime {
    runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

pub(crate) fn workers(n: usize) -> Runtime {
    runtime::Builder::new_multi_thread()
        .worker_threads(n)
        .enable_time()
        .build()
        .unwrap()
}

/// Returns how many workers the entered runtime has.
fn entered() -> Option<usize> {
    Handle::try_current()
        .ok()
        .map(|here| here.metrics().num_workers())
}

/// Returns a receiver that gets `value` after another goroutine has waited several times.
fn sent_later(value: usize) -> Receiver<usize> {
    let (tx, rx) = bounded(0);
    drop(own(move || {
        wait();
        wait();
        tx.send(value).unwrap();
    }));
    rx
}

moving! {
    // TL06
    fn a_runtime_stays_entered_over_waits() {
        let runtimes = Arc::new([workers(1), workers(2)]);
        many(MANY, move |i| {
            let (mine, other) = (&runtimes[i % 2], &runtimes[1 - i % 2]);
            let (in_mine, in_other) = (Some(1 + i % 2), Some(2 - i % 2));
            for _ in 0..TIMES {
                assert_eq!(entered(), None);
                let outer = mine.enter();
                wait();
                assert_eq!(entered(), in_mine);
                let inner = other.enter();
                wait();
                assert_eq!(entered(), in_other);
                drop(inner);
                wait();
                assert_eq!(entered(), in_mine);
                drop(outer);
                wait();
            }
        });
    }

    // TL06
    fn a_goroutine_waits_inside_block_on() {
        many(MANY / 4, |i| {
            for _ in 0..TIMES {
                let runtime = current_thread();
                let sum = runtime.block_on(async move {
                    wait();
                    let task = tokio::spawn(async move {
                        wait();
                        task::yield_now().await;
                        sent_later(i).recv().unwrap()
                    });
                    let local = task::LocalSet::new();
                    let counted = Rc::new(Cell::new(0));
                    let counter = counted.clone();
                    let locally = async move {
                        let task = task::spawn_local(async move {
                            wait();
                            counter.set(sent_later(i).recv().unwrap());
                            tokio::time::sleep(Duration::from_micros(50)).await;
                        });
                        task.await.unwrap();
                    };
                    local.run_until(locally).await;
                    wait();
                    assert_eq!(entered(), Some(1));
                    task.await.unwrap() + counted.get()
                });
                assert_eq!(sum, 2 * i);
                wait();
                assert_eq!(entered(), None);
            }
        });
    }

    // TL06
    fn goroutines_wait_inside_block_on_of_one_runtime() {
        let runtime = Arc::new(workers(2));
        many(MANY / 5, move |i| {
            for _ in 0..TIMES {
                let sum = runtime.block_on(async move {
                    let mine = sent_later(i).recv().unwrap();
                    wait();
                    assert_eq!(entered(), Some(2));
                    mine + tokio::spawn(async move { sent_later(i).recv().unwrap() }).await.unwrap()
                });
                assert_eq!(sum, 2 * i);
                assert_eq!(entered(), None);
                wait();
            }
        });
    }
}
