//! Models of the real `condvar.rs`, with the real `mutex/` below it.

use super::{explore, explore_all, explore_large};
use crate::condvar::Condvar;
use crate::mutex::Mutex;
use loom::thread::{self, JoinHandle};
use std::sync::Arc;
use std::time::Duration;

/// A store with filled places.
struct Store {
    filled: Mutex<u32>,
    some: Condvar,
}

impl Store {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            filled: Mutex::new(0),
            some: Condvar::new(),
        })
    }

    fn put(&self, n: u32) {
        *self.filled.lock() += n;
    }

    fn take(&self) {
        let mut filled = self.some.wait_while(self.filled.lock(), |n| *n == 0);
        *filled -= 1;
    }

    /// Waits once at most, and takes nothing. Returns true if it was notified.
    fn is_notified(&self) -> bool {
        let filled = self.filled.lock();
        *filled == 0 && !self.some.wait_timeout(filled, Duration::ZERO).1.timed_out()
    }
}

fn with<R: 'static>(store: &Arc<Store>, f: impl FnOnce(&Store) -> R + 'static) -> JoinHandle<R> {
    let store = Arc::clone(store);
    thread::spawn(move || f(&store))
}

/// A notification comes while the waiter has unlocked the mutex but is not parked yet.
#[test]
fn condvar_notify_meets_wait() {
    explore_all(|| {
        let store = Store::new();
        let taker = with(&store, Store::take);
        store.put(1);
        store.some.notify_one();
        taker.join().unwrap();
        assert_eq!(*store.filled.lock(), 0);
    });
}

/// Two threads wait, and each notification wakes one.
#[test]
fn condvar_notifies_each() {
    explore_large(|| {
        let store = Store::new();
        let takers = [0, 1].map(|_| with(&store, Store::take));
        store.put(2);
        store.some.notify_one();
        store.some.notify_one();
        for taker in takers {
            taker.join().unwrap();
        }
    });
}

#[test]
fn condvar_notifies_all() {
    explore_large(|| {
        let store = Store::new();
        let takers = [0, 1].map(|_| with(&store, Store::take));
        store.put(2);
        store.some.notify_all();
        for taker in takers {
            taker.join().unwrap();
        }
    });
}

/// A wait whose time is up takes no notification: the other waiter gets the notification.
#[test]
fn condvar_a_time_out_takes_no_notification_along() {
    explore_large(|| {
        let store = Store::new();
        let taker = with(&store, Store::take);
        let unsteady = with(&store, Store::is_notified);
        store.put(1);
        store.some.notify_one();
        if unsteady.join().unwrap() {
            store.some.notify_one();
        }
        taker.join().unwrap();
    });
}
