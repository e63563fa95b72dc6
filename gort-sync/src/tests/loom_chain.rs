//! Models of `channel/chain.rs`: the chain alone, with a lock and a flag in place of the channel's,
//! and unbounded channels. Small tokens have blocks of 2 and 3 slots here, large ones of 1 and 2.

use super::loom_chan::{Chan, with};
use super::{Token, explore, explore_all, explore_crowd, explore_large};
use crate::RawLock;
use crate::channel::chain::Chain;
use crate::channel::ring::Attempt;
use crate::channel::unbounded;
use loom::cell::UnsafeCell;
use loom::thread;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// A token in a value of some size.
struct Padded<const N: usize> {
    token: Token,
    _pad: [u64; N],
}

/// Blocks of 2 and 3 slots.
const SMALL: usize = 0;
/// Blocks of 1 and 2 slots.
const LARGE: usize = 16;

struct Shared<const N: usize> {
    chain: Chain<Padded<N>>,
    lock: RawLock,
    /// Whether a thread has found that it must wait, and no other thread has acquired the lock
    /// since. Accessed under the lock.
    waits: UnsafeCell<bool>,
}

// SAFETY: each value is moved to one receiver. loom checks the cell.
unsafe impl<const N: usize> Send for Shared<N> {}
// SAFETY: the argument is that for `Send`.
unsafe impl<const N: usize> Sync for Shared<N> {}

impl<const N: usize> Shared<N> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            chain: Chain::new(),
            lock: RawLock::new(),
            waits: UnsafeCell::new(false),
        })
    }

    /// Calls `push` with a pointer to a new token, which is forgotten if the result is `Done`.
    fn push_with(name: u32, push: impl FnOnce(*const Padded<N>) -> Attempt) -> Attempt {
        let mut value = MaybeUninit::new(Padded {
            token: Token::new(name),
            _pad: [0; N],
        });
        let attempt = push(value.as_ptr());
        if attempt != Attempt::Done {
            // SAFETY: the value was not moved.
            unsafe { value.assume_init_drop() };
        }
        attempt
    }

    fn push(&self, name: u32) -> Attempt {
        // SAFETY: the value is ours to move.
        Self::push_with(name, |elem| unsafe { self.chain.push(elem) })
    }

    /// Sends the numbers of a range.
    fn push_all(&self, names: std::ops::Range<u32>) {
        names.for_each(|name| assert_eq!(self.push(name), Attempt::Done));
    }

    fn pop_with(pop: impl FnOnce(*mut Padded<N>) -> Attempt) -> Result<u32, Attempt> {
        let mut place = MaybeUninit::<Padded<N>>::uninit();
        match pop(place.as_mut_ptr()) {
            // SAFETY: the place is filled if the result is `Done`.
            Attempt::Done => Ok(unsafe { place.assume_init() }.token.name()),
            other => Err(other),
        }
    }

    fn pop(&self) -> Result<u32, Attempt> {
        // SAFETY: the place is one for a value.
        Self::pop_with(|elem| unsafe { self.chain.pop(elem) })
    }

    fn locked<R>(&self, f: impl FnOnce() -> R) -> R {
        self.lock.lock();
        let result = f();
        // SAFETY: the lock was taken above.
        unsafe { self.lock.unlock() };
        result
    }

    fn set_waits(&self, waits: bool) {
        // SAFETY: loom checks the access.
        self.waits.with_mut(|at| unsafe { *at = waits });
    }

    /// Sends in the same way as a channel, and clears `waits` if it needs the lock.
    fn send(&self, name: u32) {
        if self.push(name) == Attempt::Slow {
            let sent = self.locked(|| {
                self.set_waits(false);
                // SAFETY: we hold the lock. The value is ours to move.
                Self::push_with(name, |elem| unsafe { self.chain.push_locked(elem) })
            });
            assert_eq!(sent, Attempt::Done);
        }
    }

    /// The same as `Hchan::buffer_pop`. Called under the lock.
    fn pop_locked(&self) -> Option<u32> {
        self.chain.arrest_tail();
        // SAFETY: we hold the lock. The place is one for a value.
        Self::pop_with(|elem| unsafe { self.chain.pop_locked(elem) }).ok()
    }

    /// Receives and returns what is left at the end of a model.
    fn drain(&self) -> Vec<u32> {
        self.chain.release();
        std::iter::from_fn(|| self.pop().ok()).collect()
    }
}

/// Starts a thread that works on the chain.
fn on<const N: usize, R: 'static>(
    shared: &Arc<Shared<N>>,
    f: impl FnOnce(&Shared<N>) -> R + 'static,
) -> thread::JoinHandle<R> {
    let shared = Arc::clone(shared);
    thread::spawn(move || f(&shared))
}

fn sorted(mut names: Vec<u32>) -> Vec<u32> {
    names.sort_unstable();
    names
}

/// Runs two senders and one receiver, after `before` values were sent and received.
fn senders_and_receiver<const N: usize>(before: u32) {
    let shared = Shared::<N>::new();
    shared.push_all(0..before);
    assert_eq!(shared.drain().len(), before as usize);
    let senders = [10, 20].map(|from| on(&shared, move |shared| shared.push_all(from..from + 2)));
    let mut received: Vec<u32> = (0..2).filter_map(|_| shared.pop().ok()).collect();
    senders.into_iter().for_each(|it| it.join().unwrap());
    received.extend(shared.drain());
    for from in [10, 20] {
        let of_this = received.iter().filter(|&&name| name / 10 * 10 == from);
        assert!(
            of_this.eq(&[from, from + 1]),
            "lost, doubled or out of order"
        );
    }
    assert_eq!(received.len(), 4);
}

#[test]
fn chain_loses_nothing() {
    explore_large(|| senders_and_receiver::<SMALL>(0));
    explore_large(|| senders_and_receiver::<SMALL>(1));
}

#[test]
fn chain_of_single_slots_loses_nothing() {
    explore_large(|| senders_and_receiver::<LARGE>(0));
}

/// Runs two receivers, one of which takes a block's last slot and makes the block new, and a sender
/// that then needs the block.
fn receivers_and_sender<const N: usize>(before: u32) {
    let shared = Shared::<N>::new();
    shared.push_all(0..before);
    let other = on(&shared, |shared| shared.pop().ok());
    let sender = on(&shared, |shared| shared.push_all(10..11));
    let mut received: Vec<u32> = shared.pop().ok().into_iter().collect();
    received.extend(other.join().unwrap());
    sender.join().unwrap();
    received.extend(shared.drain());
    assert!(sorted(received).into_iter().eq((0..before).chain(10..11)));
}

#[test]
fn chain_blocks_are_renewed_when_all_have_left() {
    explore_large(|| receivers_and_sender::<SMALL>(2));
    explore_large(|| receivers_and_sender::<SMALL>(3));
}

#[test]
fn chain_single_slots_are_renewed() {
    explore_large(|| receivers_and_sender::<LARGE>(2));
}

/// The last value leaves a big block while others send, or receive.
fn a_big_block_is_given_back(sends: u32, receives: usize) {
    const BEFORE: u32 = 5;
    let shared = Shared::<LARGE>::new();
    shared.push_all(0..BEFORE);
    (0..BEFORE - 2).for_each(|name| assert_eq!(shared.pop(), Ok(name)));
    let sender = on(&shared, move |shared| shared.push_all(10..10 + sends));
    let receiver = on(&shared, move |shared| {
        (0..receives).filter_map(|_| shared.pop().ok()).collect()
    });
    let mut received: Vec<u32> = (0..2).filter_map(|_| shared.pop().ok()).collect();
    received.extend::<Vec<u32>>(receiver.join().unwrap());
    sender.join().unwrap();
    received.extend(shared.drain());
    let all = (BEFORE - 2..BEFORE).chain(10..10 + sends);
    assert!(sorted(received).into_iter().eq(all));
    assert!(!shared.chain.is_big(), "the big block has stayed");
}

#[test]
fn chain_gives_a_big_block_back() {
    explore_large(|| a_big_block_is_given_back(2, 0));
    explore_large(|| a_big_block_is_given_back(0, 2));
    explore_crowd(|| a_big_block_is_given_back(1, 1));
}

/// A receiver arrests the tail, finds nothing and waits, against `senders`.
fn receiver_waits<const N: usize>(before: u32, senders: u32) {
    let shared = Shared::<N>::new();
    shared.push_all(0..before);
    assert_eq!(shared.drain().len(), before as usize);
    let receiver = on(&shared, |shared| {
        shared.locked(|| {
            let received = shared.pop_locked();
            shared.set_waits(received.is_none());
            if received.is_some() {
                shared.chain.release();
            }
            received
        })
    });
    let senders: Vec<_> = (1..=senders)
        .map(|name| on(&shared, move |shared| shared.send(name)))
        .collect();
    let n = senders.len();
    for sender in senders {
        sender.join().unwrap();
    }
    let received = receiver.join().unwrap();
    let left = shared.drain();
    // SAFETY: loom checks the access.
    let waits = shared.waits.with(|at| unsafe { *at });
    assert!(!waits, "the receiver waits beside a value");
    assert_eq!(left.len() + received.iter().count(), n);
}

/// Fails if `arrest_tail` comes after the attempt to receive, or is done by a load and a store.
#[test]
fn chain_a_receiver_does_not_wait_beside_a_value() {
    explore_all(|| receiver_waits::<SMALL>(0, 1));
    // The sender goes from block to block.
    explore_all(|| receiver_waits::<SMALL>(1, 1));
    explore_all(|| receiver_waits::<LARGE>(0, 1));
    explore_large(|| receiver_waits::<LARGE>(0, 2));
}

/// A push either comes before the close, and its value is found; or it gets its value back.
#[test]
fn chain_closed_while_others_send() {
    fn model<const N: usize>() {
        let shared = Shared::<N>::new();
        let senders =
            [1, 2].map(|name| on(&shared, move |shared| shared.push(name) == Attempt::Done));
        shared.locked(|| shared.chain.close());
        let mut received = Vec::new();
        let end = loop {
            match shared.pop() {
                Ok(name) => received.push(name),
                Err(end) => break end,
            }
        };
        assert_eq!(end, Attempt::Closed);
        let sent = senders.map(|sender| sender.join().unwrap());
        assert_eq!(shared.pop(), Err(Attempt::Closed), "it came after the end");
        assert_eq!(received.contains(&1), sent[0]);
        assert_eq!(received.contains(&2), sent[1]);
    }
    explore(model::<SMALL>);
    explore(model::<LARGE>);
}

/// The observer is the last thread: see `mod.rs`.
#[test]
fn chain_len_is_within_what_was_sent() {
    fn model<const N: usize>(before: u32) {
        let shared = Shared::<N>::new();
        shared.push_all(0..before);
        let observer = on(&shared, move |shared| {
            let len = shared.chain.len();
            assert!(len <= before as usize + 1, "{len}");
        });
        let _ = shared.push(8);
        let _ = shared.pop();
        let _ = shared.pop();
        observer.join().unwrap();
    }
    explore_all(|| model::<SMALL>(0));
    explore_all(|| model::<SMALL>(1));
    explore_all(|| model::<LARGE>(1));
}

/// A value that was sent before, by another thread, is there.
#[test]
fn chain_a_poll_sees_what_was_sent_before() {
    explore_all(|| {
        let shared = Shared::<LARGE>::new();
        let other = on(&shared, |shared| shared.pop().ok());
        let sender = on(&shared, |shared| shared.push_all(1..3));
        sender.join().unwrap();
        assert!(!shared.chain.is_open_and_empty());
        assert!(
            shared.pop().is_ok(),
            "two were sent, and one other receives"
        );
        let _ = other.join().unwrap();
    });
}

/// What is left is dropped, in blocks that other threads have made.
#[test]
fn chain_dropped_with_values() {
    explore(|| {
        let shared = Shared::<LARGE>::new();
        let sender = on(&shared, |shared| shared.push_all(1..4));
        let _ = shared.pop();
        sender.join().unwrap();
    });
}

#[test]
fn chan_unbounded_wakes_a_receiver() {
    explore(|| {
        let chan = Chan::unbounded();
        let receiver = with(&chan, |chan| [chan.recv(), chan.recv(), chan.recv()]);
        assert!(chan.send(1));
        assert!(chan.send(2));
        chan.tx.close();
        assert_eq!(receiver.join().unwrap(), [Some(1), Some(2), None]);
    });
}

#[test]
fn chan_unbounded_two_senders_and_a_receiver() {
    explore_large(|| {
        let chan = Chan::unbounded();
        let senders = [1, 2].map(|name| with(&chan, move |chan| assert!(chan.send(name))));
        let received = vec![chan.recv().unwrap(), chan.recv().unwrap()];
        assert_eq!(sorted(received), [1, 2]);
        senders.into_iter().for_each(|it| it.join().unwrap());
    });
}

/// The last receiver goes while others send: each value is dropped or comes back.
#[test]
fn chan_unbounded_dropped_while_others_send() {
    explore_large(|| {
        let (tx, rx) = unbounded();
        let second = tx.clone();
        let senders = [(tx, 1), (second, 2)]
            .map(|(tx, name)| thread::spawn(move || tx.send(Token::new(name)).is_ok()));
        drop(rx);
        for sender in senders {
            let _sent: bool = sender.join().unwrap();
        }
    });
}
