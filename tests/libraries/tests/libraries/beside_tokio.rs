//! tokio beside goroutines: goroutines that wait for its futures, and tasks that wait for
//! goroutines. This does not need goroutines with thread-locals of their own, because tokio enters
//! and leaves its context inside one poll. A future that itself calls an operation that waits does
//! need them, like any code that uses thread-locals before and after a wait.

use crate::async_runtime::{current_thread, workers};
use gort::future::block_on;
use gort::prelude::*;
use gort_libraries::{moving, own, wait};
use std::fs;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Returns the number of threads of this process.
fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

moving! {
    // JH04
    fn tasks_await_goroutines_and_occupy_no_thread() {
        const N: usize = 1_000;
        let (open, gate) = bounded::<()>(0);
        let handles: Vec<_> = (0..N)
            .map(|n| {
                go!(clone(gate), move || {
                    let _closed = gate.recv();
                    match n % 3 {
                        0 => n,
                        1 => resume_unwind(Box::new(n)),
                        _ => gort::goexit(),
                    }
                })
            })
            .collect();
        let thread = std::thread::spawn(move || {
            current_thread().block_on(async move {
                let tasks: Vec<_> = handles
                    .into_iter()
                    .map(|handle| tokio::spawn(async move { handle.await }))
                    .collect();
                // After this yield all tasks have been polled.
                tokio::task::yield_now().await;
                let before = threads();
                drop(open);
                let mut joined = 0;
                for (n, task) in tasks.into_iter().enumerate() {
                    let result = task.await.unwrap();
                    match n % 3 {
                        0 => assert_eq!(result.unwrap(), n),
                        1 => assert_eq!(result.unwrap_err().into_panic().downcast_ref(), Some(&n)),
                        _ => assert!(result.unwrap_err().is_exited()),
                    }
                    joined += 1;
                }
                (before, joined)
            })
        });
        let (before, joined) = gort::blocking(|| thread.join().unwrap());
        assert_eq!(joined, N);
        assert!(before < 100, "{before} threads for {N} goroutines");
    }

    fn goroutines_wait_for_tasks_of_a_runtime_beside_them() {
        let runtime = Arc::new(workers(2));
        let all: Vec<_> = (0..100)
            .map(|n| {
                go!(clone(runtime), move || {
                    for _ in 0..10 {
                        let task = runtime.spawn(async move {
                            tokio::time::sleep(Duration::from_micros(50)).await;
                            n
                        });
                        assert_eq!(block_on(task).unwrap(), n);
                        wait();
                    }
                })
            })
            .collect();
        all.into_iter().for_each(|handle| handle.join().unwrap());
    }

    fn a_future_that_goroutines_poll_may_use_tokios_channels_and_wait() {
        let runtime = Arc::new(workers(1));
        let (to_task, mut from_goroutines) = mpsc::channel::<(u32, oneshot::Sender<u32>)>(2);
        let server = runtime.spawn(async move {
            let mut served = 0;
            while let Some((n, answer)) = from_goroutines.recv().await {
                tokio::task::yield_now().await;
                answer.send(n + 1).unwrap();
                served += 1;
            }
            served
        });
        let all: Vec<_> = (0..50)
            .map(|n| {
                let to_task = to_task.clone();
                own(move || {
                    block_on(async {
                        // An operation that waits parks the goroutine, also inside a future that
                        // the goroutine polls.
                        wait();
                        let (answer, answered) = oneshot::channel();
                        to_task.send((n, answer)).await.unwrap();
                        wait();
                        assert_eq!(answered.await.unwrap(), n + 1);
                    });
                })
            })
            .collect();
        all.into_iter().for_each(|handle| handle.join().unwrap());
        drop(to_task);
        assert_eq!(block_on(server).unwrap(), 50);
    }

    fn a_goroutine_enters_the_runtime_inside_a_future() {
        let runtime = Arc::new(workers(1));
        let all: Vec<_> = (0..20)
            .map(|_| {
                go!(clone(runtime), move || {
                    block_on(async {
                        let begun = Instant::now();
                        // tokio's timers look for the entered runtime when they are made.
                        let slept = {
                            let _entered = runtime.enter();
                            tokio::time::sleep(Duration::from_micros(100))
                        };
                        slept.await;
                        assert!(begun.elapsed() >= Duration::from_micros(50));
                    });
                })
            })
            .collect();
        all.into_iter().for_each(|handle| handle.join().unwrap());
    }
}
