//! A queued value whose destructor panics keeps neither the other values nor the channel from being
//! dropped.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{Receiver, Sender, bounded, unbounded};
use gort::{recover, spawn};
use gort_tests::{Counted, claims};
use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::SeqCst};

/// Counts the allocated bytes.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size().cast_signed(), SeqCst);
        // SAFETY: the caller's layout is valid, and is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size().cast_signed(), SeqCst);
        // SAFETY: the caller's layout is valid, and is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size().cast_signed(), SeqCst);
        // SAFETY: the caller's memory and layout are those of an allocation, and are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A value that panics with its number when it is dropped, if it has a number.
struct Value {
    panics: Option<usize>,
    _alive: Counted,
}

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(n) = self.panics {
            resume_unwind(Box::new(n));
        }
    }
}

/// Which end is dropped first.
#[derive(Clone, Copy, Debug)]
enum First {
    Sender,
    Receiver,
}

type Channel = (Sender<Value>, Receiver<Value>);

const CHANNELS: [fn() -> Channel; 3] = [unbounded, || bounded(7), || bounded(5)];
const FIRST: [First; 2] = [First::Sender, First::Receiver];

/// Drops a channel with five values, of which only one panics.
fn drop_channel((tx, rx): Channel, first: First, panics: usize, alive: &Arc<AtomicUsize>) {
    // These values move the positions in the ring, so that the five values below wrap round the end
    // of a ring of 5 or 7 slots.
    for _ in 0..3 {
        let _alive = Counted::new(alive);
        assert!(
            tx.send(Value {
                panics: None,
                _alive
            })
            .is_ok()
        );
        drop(rx.recv().unwrap());
    }
    for n in 0..5 {
        let _alive = Counted::new(alive);
        let panics = (n == panics).then_some(n);
        assert!(tx.send(Value { panics, _alive }).is_ok());
    }
    let caught = recover(move || match first {
        First::Sender => {
            drop(tx);
            drop(rx);
        }
        First::Receiver => {
            drop(rx);
            drop(tx);
        }
    });
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&panics));
}

claims! {
    // RU03, FT09
    fn the_other_values_of_a_channel_are_dropped() {
        let alive = Arc::new(AtomicUsize::new(0));
        for first in FIRST {
            for channel in CHANNELS {
                for panics in 0..5 {
                    drop_channel(channel(), first, panics, &alive);
                    assert_eq!(alive.load(SeqCst), 0, "{first:?} first, {panics} panics");
                }
            }
        }
    }

    // RU03, FT09
    fn a_bounded_channels_memory_is_freed() {
        for channel in [|| bounded(7), || bounded(100)] {
            memory_comes_back(channel);
        }
    }

    // RU03, FT09
    fn an_unbounded_channels_memory_is_freed() {
        memory_comes_back(unbounded);
    }

    // RU03, FT09: values that hold ends of their own channel are dropped even behind a value whose
    // destructor panics.
    fn senders_that_lie_in_their_own_channel_are_dropped_too() {
        struct Sends {
            tx: Option<Sender<Sends>>,
            _alive: Counted,
        }
        impl Drop for Sends {
            fn drop(&mut self) {
                if self.tx.is_none() {
                    resume_unwind(Box::new("first"));
                }
            }
        }
        let alive = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let (tx, rx) = bounded(4);
            for sender in [None, Some(tx.clone()), Some(tx.clone())] {
                let _alive = Counted::new(&alive);
                assert!(tx.send(Sends { tx: sender, _alive }).is_ok());
            }
            drop(tx);
            // The end of the goroutine drops it.
            let ended = spawn(move || {
                let _rx = rx;
            });
            assert!(ended.join().is_err(), "the destructor's panic");
            assert_eq!(alive.load(SeqCst), 0);
        }
    }
}

fn memory_comes_back(channel: fn() -> Channel) {
    const ROUNDS: usize = 10_000;
    let alive = Arc::new(AtomicUsize::new(0));
    let rounds = |n: usize| {
        (0..n).for_each(|i| drop_channel(channel(), FIRST[i % 2], i % 5, &alive));
    };
    rounds(10);
    let before = LIVE.load(SeqCst);
    rounds(ROUNDS);
    let grown = LIVE.load(SeqCst) - before;
    // The limit is less than the smallest leak per round, and more than what the runtime allocates
    // once.
    assert!(grown < ROUNDS.cast_signed() * 16, "{grown} bytes more");
}
