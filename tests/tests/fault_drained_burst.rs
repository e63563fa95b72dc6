//! An unbounded channel gives the memory of a burst back when it is empty again, not only when it
//! is dropped.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{RecvError, unbounded};
use gort::spawn;
use gort_tests::claims;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering::SeqCst};

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

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size().cast_signed(), SeqCst);
        // SAFETY: the caller's memory and layout are those of an allocation, and are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const BURST: usize = 100_000;
type Value = [u64; 16];

claims! {
    // FT12
    fn the_memory_of_a_drained_burst_comes_back() {
        let (tx, rx) = unbounded::<Value>();
        // The first value makes allocations that stay, so it comes before the count.
        tx.send([0; 16]).unwrap();
        rx.recv().unwrap();
        let before = LIVE.load(SeqCst);
        for n in 0..BURST {
            tx.send([n as u64; 16]).unwrap();
        }
        let full = LIVE.load(SeqCst) - before;
        assert!(full >= (BURST * size_of::<Value>()).cast_signed(), "{full} bytes for {BURST}");
        for n in 0..BURST {
            assert_eq!(rx.recv(), Ok([n as u64; 16]));
        }
        let left = LIVE.load(SeqCst) - before;
        assert!(left < full / 1000, "{left} of {full} bytes are left");
    }

    // FT12: the memory also comes back after bursts that one goroutine sends to another, with some
    // values left after each.
    fn it_comes_back_when_another_goroutine_receives() {
        let (tx, rx) = unbounded::<Value>();
        let (ask, asked) = unbounded::<usize>();
        let (tell, told) = unbounded();
        let receiver = spawn(move || {
            let mut next = 0;
            for n in asked {
                for value in rx.iter().take(n) {
                    assert_eq!(value[0], next);
                    next += 1;
                }
                tell.send(LIVE.load(SeqCst)).unwrap();
            }
            (next, rx.recv())
        });
        let mut sent = 0;
        let mut burst = |n: usize, received: usize| {
            for _ in 0..n {
                tx.send([sent; 16]).unwrap();
                sent += 1;
            }
            ask.send(received).unwrap();
            told.recv().unwrap()
        };
        let before = burst(10, 5);
        let full = (BURST * size_of::<Value>()).cast_signed();
        for _ in 0..3 {
            let left = burst(BURST, BURST) - before;
            assert!(left < full / 100, "{left} bytes are left");
        }
        drop((ask, tx));
        let (received, last) = receiver.join().unwrap();
        assert_eq!((received, last.is_ok()), (sent - 5, true));
        assert_eq!(last.map(|value| value[0]).map_err(|RecvError| ()), Ok(sent - 5));
    }
}
