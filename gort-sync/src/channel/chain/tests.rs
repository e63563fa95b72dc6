use super::*;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Barrier};
use std::thread;

fn push<T>(chain: &Chain<T>, value: T) -> Attempt {
    let value = MaybeUninit::new(value);
    // SAFETY: the value is moved if the result is `Done`; otherwise it is dropped here.
    unsafe {
        let attempt = chain.push(value.as_ptr());
        if attempt != Attempt::Done {
            drop(value.assume_init());
        }
        attempt
    }
}

fn pop<T>(chain: &Chain<T>) -> Result<T, Attempt> {
    let mut place = MaybeUninit::uninit();
    // SAFETY: the place is initialised if the result is `Done`.
    unsafe {
        match chain.pop(place.as_mut_ptr()) {
            Attempt::Done => Ok(place.assume_init()),
            other => Err(other),
        }
    }
}

/// Fills and drains a chain, in rounds that end at every offset of a block. `value` makes the value
/// for a number, and `is` tells whether it is the one for this number.
fn fills_and_drains<T>(value: impl Fn(u32) -> T, is: impl Fn(T, u32) -> bool) {
    let chain = Chain::new();
    let (mut next, mut was_big) = (0, false);
    for n in (0..70).chain([1_000, 2_500, 1, 5_000, 2, 40]) {
        for i in 0..n {
            assert_eq!(push(&chain, value(next + i)), Attempt::Done);
        }
        was_big |= chain.is_big();
        assert_eq!(chain.len(), n as usize);
        assert_eq!(chain.is_open_and_empty(), n == 0);
        for i in 0..n {
            let received = pop(&chain).unwrap_or_else(|_| panic!("{i} of {n}"));
            assert!(is(received, next + i), "{i} of {n}");
        }
        next += n;
        assert_eq!(pop(&chain).err(), Some(Attempt::NotReady));
        assert!(!chain.is_big(), "{n}");
    }
    let (small, large) = caps::<T>();
    assert_eq!(was_big, large > small);
}

#[test]
fn fills_drains_and_continues() {
    fills_and_drains(|n| n, |value, n| value == n);
    fills_and_drains(Box::new, |value, n| *value == n);
    fills_and_drains(|n| n as u8, |value, n| value == n as u8);
    fills_and_drains(|_| (), |(), _| true);
    fills_and_drains(|n| [n; 50], |value, n| value == [n; 50]);
    // Each value fills a block.
    fills_and_drains(|n| [n; 5_000], |value, n| value == [n; 5_000]);
}

/// Receives from a backlog that is never empty: blocks of both sizes follow each other.
#[test]
fn a_backlog_comes_and_goes() {
    let chain = Chain::new();
    let (mut sent, mut received) = (0_u64, 0);
    for target in [10, 9_000, 100, 8_000, 1, 15_000, 4_000, 4_200, 1] {
        while chain.len() < target {
            assert_eq!(push(&chain, Box::new(sent)), Attempt::Done);
            sent += 1;
        }
        while chain.len() > target {
            assert_eq!(pop(&chain), Ok(Box::new(received)));
            received += 1;
        }
        // The same backlog for a while.
        for _ in 0..3_000 {
            assert_eq!(push(&chain, Box::new(sent)), Attempt::Done);
            assert_eq!(pop(&chain), Ok(Box::new(received)));
            (sent, received) = (sent + 1, received + 1);
        }
        assert_eq!(chain.is_big(), target > 4_095, "{target}");
    }
}

#[test]
fn an_arrested_end_belongs_to_the_lock() {
    let chain = Chain::new();
    chain.arrest_tail();
    assert_eq!(push(&chain, Box::new(1)), Attempt::Slow);
    let value = MaybeUninit::new(Box::new(1));
    // SAFETY: no other thread uses the chain. It is open, so the value is moved.
    assert_eq!(unsafe { chain.push_locked(value.as_ptr()) }, Attempt::Done);
    assert_eq!(pop(&chain), Ok(Box::new(1)), "the other end is free");
    chain.release();
    chain.arrest();
    assert_eq!(push(&chain, Box::new(2)), Attempt::Slow);
    assert_eq!(pop(&chain), Err(Attempt::Slow));
    assert!(!chain.is_open_and_empty());
    chain.release();
    assert_eq!(push(&chain, Box::new(2)), Attempt::Done);
    assert_eq!(pop(&chain), Ok(Box::new(2)));
    assert!(chain.is_open_and_empty());
}

#[test]
fn a_closed_chain_drains() {
    let chain = Chain::new();
    assert_eq!(push(&chain, Box::new(1)), Attempt::Done);
    chain.close();
    assert_eq!(push(&chain, Box::new(2)), Attempt::Closed);
    assert_eq!(pop(&chain), Ok(Box::new(1)));
    assert_eq!(pop(&chain), Err(Attempt::Closed));
    assert!(!chain.is_open_and_empty());
}

/// Counts its drops. If a value is dropped twice, the allocator or the count shows that.
struct Counted(
    Arc<AtomicUsize>,
    #[expect(dead_code, reason = "freed twice if dropped twice")] Box<u8>,
);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn what_is_left_is_dropped() {
    for n in [0, 1, 14, 15, 16, 30, 5_000] {
        for received in [0, 1, 14, 15, 16, 2_000] {
            let drops = Arc::new(AtomicUsize::new(0));
            let chain = Chain::new();
            for _ in 0..n {
                push(&chain, Counted(Arc::clone(&drops), Box::new(0)));
            }
            let received = (0..received).filter(|_| pop(&chain).is_ok()).count();
            assert_eq!(drops.load(Relaxed), received);
            drop(chain);
            assert_eq!(drops.load(Relaxed), n);
        }
    }
}

/// Senders and receivers on threads: each value arrives once, those of one sender in their order.
#[test]
fn nothing_is_lost_between_threads() {
    const SENDERS: u64 = 3;
    const RECEIVERS: usize = 3;
    let each: u64 = if cfg!(miri) { 100 } else { 200_000 };
    let chain = Arc::new(Chain::new());
    let begin = Arc::new(Barrier::new(SENDERS as usize + RECEIVERS));
    let senders: Vec<_> = (0..SENDERS)
        .map(|name| {
            let (chain, begin) = (Arc::clone(&chain), Arc::clone(&begin));
            thread::spawn(move || {
                begin.wait();
                for n in 0..each {
                    assert_eq!(push(&chain, Box::new((name, n))), Attempt::Done);
                }
            })
        })
        .collect();
    let receivers: Vec<_> = (0..RECEIVERS)
        .map(|_| {
            let (chain, begin) = (Arc::clone(&chain), Arc::clone(&begin));
            thread::spawn(move || {
                begin.wait();
                let (mut next, mut count) = ([0; SENDERS as usize], 0);
                loop {
                    match pop(&chain).map(|value: Box<(u64, u64)>| *value) {
                        Ok((name, n)) => {
                            assert!(n >= next[name as usize], "out of order");
                            next[name as usize] = n + 1;
                            count += 1;
                        }
                        Err(Attempt::NotReady) => thread::yield_now(),
                        Err(_) => return count,
                    }
                }
            })
        })
        .collect();
    senders
        .into_iter()
        .for_each(|it| it.join().expect("a sender"));
    chain.close();
    let counts = receivers
        .into_iter()
        .map(|it| it.join().expect("a receiver"));
    assert_eq!(counts.sum::<u64>(), SENDERS * each);
    assert_eq!(chain.len(), 0);
}
