//! Bugs with condition variables: notifications that no goroutine gets, or the wrong one.

use super::Bug;
use gort::explore::FailureKind::{Deadlock, Panic};
use gort::prelude::*;
use gort::sync::{Condvar, Notify};
use std::collections::VecDeque;
use std::sync::Arc;

/// A place that one goroutine fills, and a condition variable for another one that waits for that.
#[derive(Debug, Default)]
struct Filled {
    full: Mutex<bool>,
    changed: Condvar,
}

/// A buffer for one value, with one condition variable for both sides.
#[derive(Debug, Default)]
struct Buffer {
    values: Mutex<VecDeque<u32>>,
    changed: Condvar,
    notifies_all: bool,
}

impl Buffer {
    fn notify(&self) {
        if self.notifies_all {
            self.changed.notify_all();
        } else {
            self.changed.notify_one();
        }
    }

    fn put(&self, value: u32) {
        let values = self.values.lock();
        let mut values = self.changed.wait_while(values, |values| values.len() == 1);
        values.push_back(value);
        self.notify();
    }

    fn take(&self) -> u32 {
        let values = self.values.lock();
        let mut values = self.changed.wait_while(values, |values| values.is_empty());
        let value = values.pop_front().unwrap();
        self.notify();
        value
    }
}

/// Two goroutines on each side of a buffer.
fn two_and_two(notifies_all: bool) {
    let buffer = Arc::new(Buffer {
        notifies_all,
        ..Buffer::default()
    });
    let all = WaitGroup::new();
    for _ in 0..2 {
        let (takes, puts) = (Arc::clone(&buffer), Arc::clone(&buffer));
        all.go(move || _ = takes.take());
        all.go(move || puts.put(1));
    }
    all.wait();
}

/// Two goroutines take one value each. The caller puts both values into the queue.
fn two_take(looks_again: bool) {
    let (queue, filled) = (
        Arc::new(Mutex::new(VecDeque::new())),
        Arc::new(Condvar::new()),
    );
    let take = move |queue: &Mutex<VecDeque<u32>>, filled: &Condvar| {
        let mut values = queue.lock();
        if looks_again {
            values = filled.wait_while(values, |values| values.is_empty());
        } else if values.is_empty() {
            values = filled.wait(values);
        }
        values.pop_front().expect("a value after the signal")
    };
    let one = go!(clone [queue, filled]; { take(&queue, &filled) });
    let other = go!(clone [queue, filled]; { take(&queue, &filled) });
    for value in 0..2 {
        queue.lock().push_back(value);
        filled.notify_one();
    }
    assert_eq!(one.join().unwrap() + other.join().unwrap(), 1);
}

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "a notification comes before the wait, without a check",
        fails_by: Deadlock,
        broken: || {
            let place = Arc::new(Filled::default());
            let filler = go!(clone [place]; {
                *place.full.lock() = true;
                place.changed.notify_one();
            });
            let full = place.full.lock();
            drop(place.changed.wait(full));
            filler.join().unwrap();
        },
        fixed: || {
            let place = Arc::new(Filled::default());
            let filler = go!(clone [place]; {
                *place.full.lock() = true;
                place.changed.notify_one();
            });
            let full = place.full.lock();
            drop(place.changed.wait_while(full, |full| !*full));
            filler.join().unwrap();
        },
    },
    Bug {
        name: "a check without the lock, followed by a wait",
        fails_by: Deadlock,
        broken: || {
            let place = Arc::new(Filled::default());
            let filler = go!(clone [place]; {
                *place.full.lock() = true;
                place.changed.notify_one();
            });
            if !*place.full.lock() {
                let full = place.full.lock();
                drop(place.changed.wait(full));
            }
            filler.join().unwrap();
        },
        fixed: || {
            let place = Arc::new(Filled::default());
            let filler = go!(clone [place]; {
                *place.full.lock() = true;
                place.changed.notify_one();
            });
            let mut full = place.full.lock();
            while !*full {
                full = place.changed.wait(full);
            }
            drop(full);
            filler.join().unwrap();
        },
    },
    Bug {
        name: "a woken waiter does not check the condition again",
        fails_by: Panic,
        broken: || two_take(false),
        fixed: || two_take(true),
    },
    Bug {
        name: "a bounded buffer with one condition variable and notify_one",
        fails_by: Deadlock,
        broken: || two_and_two(false),
        fixed: || two_and_two(true),
    },
    Bug {
        name: "notify_all comes before the waiter",
        fails_by: Deadlock,
        broken: || {
            let notify = Arc::new(Notify::new());
            let waiter = go!(clone [notify]; { notify.wait() });
            notify.notify_all();
            waiter.join().unwrap();
        },
        fixed: || {
            let notify = Arc::new(Notify::new());
            let waiter = go!(clone [notify]; { notify.wait() });
            notify.notify_one();
            waiter.join().unwrap();
        },
    },
];
