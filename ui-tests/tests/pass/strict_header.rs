// The macros compile under the strictest lints.
#![forbid(unsafe_code)]
#![no_implicit_prelude]
#![deny(warnings, clippy::pedantic)]

use ::core::option::Option::Some;
use ::core::result::Result::{Err, Ok};
use ::gort::channel::bounded;
use ::gort::{defer, go, select};
use ::std::{assert_eq, sync::atomic, time::Duration, vec::Vec};

static DEFERRED: atomic::AtomicU32 = atomic::AtomicU32::new(0);

fn produce(id: u32, tx: ::gort::channel::Sender<u32>) {
    defer! {
        DEFERRED.fetch_add(1, atomic::Ordering::Relaxed);
    }
    let _ = tx.send(id);
    ::std::mem::drop(tx);
}

#[::gort::main]
pub(crate) fn main() {
    let (tx, rx) = bounded(3);
    let mut started = Vec::new();
    for id in 0..3 {
        started.push(go!(clone [tx]; produce(id, tx)));
    }
    for producer in started {
        assert_eq!(producer.join().ok(), Some(()));
    }
    let spare = 7;
    let mut sum = 0;
    for _ in 0..4 {
        sum += select! {
            biased;
            Ok(value) = <-rx else { 100 } => value,
            sent = tx <- spare => match sent {
                Ok(()) => 0,
                Err(_) => 1000,
            },
            after(Duration::from_secs(9)) => 10_000,
        };
    }
    assert_eq!(sum, 3);
    assert_eq!(DEFERRED.load(atomic::Ordering::Relaxed), 3);
}
