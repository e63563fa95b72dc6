//! Kernels with condition variables: a notification comes before its waiter, or reaches another
//! waiter.

use super::Outcome::{Leaks, Stuck};
use super::{Chan, Kernel};
use gort::prelude::*;
use gort::sync::Condvar;
use std::sync::Arc;

/// A queue and its condition variable.
type Queue = Arc<(Mutex<Vec<u32>>, Condvar)>;

fn queue() -> Queue {
    Arc::default()
}

pub(super) const MISSED: &[Kernel] = &[
    Kernel {
        name: "moby#30408 waits for a signal that came before",
        outcome: Stuck(&["sync.Cond.Wait"]),
        broken: || {
            let queue = queue();
            let signals = go!(clone [queue]; {
                queue.0.lock().push(1);
                queue.1.notify_all();
            });
            signals.join().unwrap();
            // The wait begins without a look at the queue.
            drop(queue.1.wait(queue.0.lock()));
        },
        fixed: || {
            let queue = queue();
            let signals = go!(clone [queue]; {
                queue.0.lock().push(1);
                queue.1.notify_all();
            });
            drop(queue.1.wait_while(queue.0.lock(), |queue| queue.is_empty()));
            signals.join().unwrap();
        },
    },
    Kernel {
        name: "moby#27782 the notifier first sends to a watcher that has left",
        outcome: Stuck(&["chan send", "sync.Cond.Wait"]),
        broken: || {
            let (queue, events) = (queue(), Chan::new(0));
            go!(clone [queue, events]; {
                // No goroutine receives events: the reader waits for the notification first.
                events.send(());
                queue.0.lock().push(1);
                queue.1.notify_one();
            });
            drop(queue.1.wait_while(queue.0.lock(), |queue| queue.is_empty()));
            events.recv();
        },
        fixed: || {
            let (queue, events) = (queue(), Chan::new(0));
            go!(clone [queue, events]; {
                queue.0.lock().push(1);
                queue.1.notify_one();
                events.send(());
            });
            drop(queue.1.wait_while(queue.0.lock(), |queue| queue.is_empty()));
            events.recv();
        },
    },
    Kernel {
        name: "moby#29733 one waiter of two is notified",
        outcome: Leaks(&["sync.Cond.Wait"]),
        broken: || {
            let queue = queue();
            for _ in 0..2 {
                go!(clone [queue]; {
                    drop(queue.1.wait_while(queue.0.lock(), |queue| queue.is_empty()));
                });
            }
            crate::settle();
            queue.0.lock().push(1);
            queue.1.notify_one();
        },
        fixed: || {
            let queue = queue();
            let waiters = WaitGroup::new();
            for _ in 0..2 {
                let queue = queue.clone();
                waiters.go(move || {
                    drop(queue.1.wait_while(queue.0.lock(), |queue| queue.is_empty()));
                });
            }
            queue.0.lock().push(1);
            queue.1.notify_all();
            waiters.wait();
        },
    },
    Kernel {
        name: "kubernetes#11298 the notifier waits for a stop that comes after the notification",
        outcome: Stuck(&["chan receive", "sync.Cond.Wait"]),
        broken: || {
            let (queue, stop) = (queue(), Chan::<()>::new(0));
            go!(clone [queue, stop]; {
                stop.recv();
                queue.0.lock().push(1);
                queue.1.notify_one();
            });
            drop(queue.1.wait_while(queue.0.lock(), |queue| queue.is_empty()));
            stop.close();
        },
        fixed: || {
            let (queue, stop) = (queue(), Chan::<()>::new(0));
            go!(clone [queue, stop]; {
                stop.recv();
                queue.0.lock().push(1);
                queue.1.notify_one();
            });
            stop.close();
            drop(queue.1.wait_while(queue.0.lock(), |queue| queue.is_empty()));
        },
    },
];
