//! Bugs with channels, contexts and time: closing too early or twice, and senders that have lost
//! their receiver.

use super::Bug;
use gort::context::Context;
use gort::explore::FailureKind::{Leak, Panic};
use gort::prelude::*;
use gort::time::after;
use std::sync::Arc;

/// A worker with jobs in a queue is told to stop.
fn told_to_stop(drains: bool) {
    let (jobs, queue) = bounded(2);
    let (stop, stopped) = bounded::<()>(0);
    let worker = go!(move || {
        let mut done = 0;
        loop {
            select! {
                Ok(()) = <-queue else { break } => done += 1,
                _ = <-stopped => break,
            }
        }
        if drains {
            done += queue.try_iter().count();
        }
        done
    });
    jobs.send(()).unwrap();
    jobs.send(()).unwrap();
    stop.close();
    assert_eq!(worker.join().unwrap(), 2, "a job is lost");
}

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "a channel is checked and then closed, twice",
        fails_by: Panic,
        broken: || {
            let (tx, _rx) = bounded::<()>(1);
            let close = |tx: &Sender<()>| {
                if !tx.is_closed() {
                    assert!(tx.close(), "close of closed channel");
                }
            };
            let other = go!(clone [tx]; { close(&tx) });
            close(&tx);
            other.join().unwrap();
        },
        fixed: || {
            let (tx, _rx) = bounded::<()>(1);
            let other = go!(clone [tx]; { tx.close() });
            let mine = tx.close();
            assert_ne!(other.join().unwrap(), mine);
        },
    },
    Bug {
        name: "a channel is closed while others still send",
        fails_by: Panic,
        broken: || {
            let (tx, rx) = bounded(2);
            let senders = [1, 2].map(|n| go!(clone [tx]; { tx.send(n) }));
            rx.recv().unwrap();
            tx.close();
            for sender in senders {
                assert_eq!(sender.join().unwrap(), Ok(()), "send on closed channel");
            }
        },
        fixed: || {
            let (tx, rx) = bounded(2);
            let senders = [1, 2].map(|n| go!(clone [tx]; { tx.send(n) }));
            rx.recv().unwrap();
            for sender in senders {
                assert_eq!(sender.join().unwrap(), Ok(()));
            }
            tx.close();
        },
    },
    Bug {
        name: "an answer arrives just as the time is up",
        fails_by: Leak,
        broken: || {
            // Both goroutines hold both ends, as in Go.
            let (answer, answers) = bounded(0);
            let answers = Arc::new(answers);
            go!(clone [answers]; {
                gort::time::sleep(Duration::from_millis(10));
                answer.send(1).unwrap();
                drop(answers);
            });
            select! {
                n = <-answers => assert_eq!(n, Ok(1)),
                _ = <-after(Duration::from_millis(10)) => {}
            }
        },
        fixed: || {
            let (answer, answers) = bounded(1);
            let answers = Arc::new(answers);
            go!(clone [answers]; {
                gort::time::sleep(Duration::from_millis(10));
                answer.send(1).unwrap();
                drop(answers);
            });
            select! {
                n = <-answers => assert_eq!(n, Ok(1)),
                _ = <-after(Duration::from_millis(10)) => {}
            }
        },
    },
    Bug {
        name: "a cancelled consumer leaves the producer behind",
        fails_by: Leak,
        broken: || {
            let (ctx, cancel) = Context::background().with_cancel();
            let (tx, rx) = bounded(0);
            let both = (tx.clone(), rx.clone());
            go!(move || {
                let _both = both;
                tx.send(1).unwrap();
            });
            go!(cancel.cancel());
            select! {
                n = <-rx => assert_eq!(n, Ok(1)),
                <-ctx => {}
            }
        },
        fixed: || {
            let (ctx, cancel) = Context::background().with_cancel();
            let (tx, rx) = bounded(0);
            let both = (tx.clone(), rx.clone());
            go!(clone [ctx]; {
                let _both = both;
                select! {
                    tx <- 1 => {}
                    <-ctx => {}
                }
            });
            go!(cancel.cancel());
            select! {
                _ = <-rx => {}
                <-ctx => {}
            }
        },
    },
    Bug {
        name: "a worker is told to stop with jobs left in the queue",
        fails_by: Panic,
        broken: || told_to_stop(false),
        fixed: || told_to_stop(true),
    },
    Bug {
        name: "a sender checks for room, and another one takes it",
        fails_by: Leak,
        broken: || {
            let both = bounded(1);
            for _ in 0..2 {
                go!(clone [both]; {
                    let (tx, _rx) = &both;
                    if !tx.is_full() {
                        tx.send(1).unwrap();
                    }
                });
            }
        },
        fixed: || {
            let both = bounded(1);
            for _ in 0..2 {
                go!(clone [both]; {
                    let (tx, _rx) = &both;
                    _ = tx.try_send(1);
                });
            }
        },
    },
];
