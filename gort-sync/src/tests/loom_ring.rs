//! Models of `channel/ring.rs`: the ring alone, with a lock and a flag in place of the channel's.

use super::{Token, explore, explore_all, explore_large};
use crate::RawLock;
use crate::channel::ring::{Attempt, Ring};
use loom::cell::UnsafeCell;
use loom::thread;
use std::mem::MaybeUninit;
use std::sync::Arc;

struct Shared {
    ring: Ring<Token>,
    lock: RawLock,
    /// Whether a thread has found that it must wait, and no other thread has acquired the lock
    /// since. Accessed under the lock.
    waits: UnsafeCell<bool>,
}

// SAFETY: each value is moved to one receiver. loom checks the cell.
unsafe impl Send for Shared {}
// SAFETY: the argument is that for `Send`.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(cap: usize) -> Arc<Self> {
        Arc::new(Self {
            ring: Ring::new(cap).unwrap(),
            lock: RawLock::new(),
            waits: UnsafeCell::new(false),
        })
    }

    fn push(&self, name: u32) -> Attempt {
        move_in(Token::new(name), |elem| {
            // SAFETY: the value is ours, and forgotten if the result is `Done`.
            let attempt = unsafe { self.ring.push(elem) };
            (attempt, attempt == Attempt::Done)
        })
    }

    fn pop(&self) -> Result<u32, Attempt> {
        let mut place = MaybeUninit::<Token>::uninit();
        // SAFETY: the place is one for a token, and is filled if the result is `Done`.
        unsafe {
            match self.ring.pop(place.as_mut_ptr()) {
                Attempt::Done => Ok(place.assume_init().name()),
                other => Err(other),
            }
        }
    }

    fn pop_arrested(&self) -> Option<u32> {
        let mut place = MaybeUninit::<Token>::uninit();
        // SAFETY: we hold the lock and the head is arrested. The place is filled if the result is
        // true.
        unsafe {
            let popped = self.ring.pop_arrested(place.as_mut_ptr());
            popped.then(|| place.assume_init().name())
        }
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

    fn waits(&self) -> bool {
        // SAFETY: loom checks the access.
        self.waits.with(|at| unsafe { *at })
    }

    /// Receives and returns what is left at the end of a model.
    fn drain(&self) -> Vec<u32> {
        self.ring.release();
        std::iter::from_fn(|| self.pop().ok()).collect()
    }

    /// Sends without waiting, in the same way as `try_send`, and clears `waits` if it needs the
    /// lock. Returns false if there is no room.
    fn send(&self, name: u32) -> bool {
        match self.push(name) {
            Attempt::Done => true,
            Attempt::NotReady | Attempt::Closed => false,
            Attempt::Slow => self.locked(|| {
                self.set_waits(false);
                self.push_locked(name)
            }),
        }
    }

    /// Does what `Hchan::buffer_push` does.
    fn push_locked(&self, name: u32) -> bool {
        move_in(Token::new(name), |elem| {
            self.ring.arrest_tail();
            // SAFETY: we hold the lock and the tail is arrested. The value is ours, and forgotten
            // if the result is true.
            unsafe {
                let sent = self.ring.push_arrested(elem) || {
                    self.ring.arrest_head();
                    self.ring.push_arrested(elem)
                };
                (sent, sent)
            }
        })
    }

    /// Receives without waiting, in the same way as `try_recv`, and clears `waits` if it needs the
    /// lock.
    fn recv(&self) -> Option<u32> {
        match self.pop() {
            Ok(name) => Some(name),
            Err(Attempt::Slow) => self.locked(|| {
                self.set_waits(false);
                self.pop_locked()
            }),
            Err(_) => None,
        }
    }

    /// Does what `Hchan::buffer_pop` does.
    fn pop_locked(&self) -> Option<u32> {
        self.ring.arrest_tail();
        match self.pop() {
            Ok(name) => Some(name),
            Err(Attempt::Slow) => self.pop_arrested(),
            Err(_) => None,
        }
    }
}

/// Calls `f` with a pointer to the token. `f` returns whether it has moved the token.
fn move_in<R>(token: Token, f: impl FnOnce(*const Token) -> (R, bool)) -> R {
    let mut token = MaybeUninit::new(token);
    let (result, moved) = f(token.as_ptr());
    if !moved {
        // SAFETY: the token was not moved.
        unsafe { token.assume_init_drop() };
    }
    result
}

/// Runs two senders and one receiver. Threads wait for each other only in the ring's own loops.
fn senders_and_receiver(cap: usize, each: u32) {
    let shared = Shared::new(cap);
    let senders = [10, 20].map(|from| {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            let names = (from..from + each).filter(|&name| shared.push(name) == Attempt::Done);
            names.collect::<Vec<_>>()
        })
    });
    let mut received: Vec<u32> = (0..2).filter_map(|_| shared.pop().ok()).collect();
    let sent = senders.map(|sender| sender.join().unwrap());
    received.extend(shared.drain());
    for (sent, from) in sent.iter().zip([10, 20]) {
        let of_this: Vec<u32> = received
            .iter()
            .copied()
            .filter(|name| name / 10 * 10 == from)
            .collect();
        assert_eq!(&of_this, sent, "lost, doubled or out of order");
    }
    assert_eq!(received.len(), sent.iter().map(Vec::len).sum());
    assert!(!sent.iter().all(Vec::is_empty), "somebody finds room");
}

#[test]
fn ring_of_one_loses_nothing() {
    explore(|| senders_and_receiver(1, 2));
}

#[test]
fn ring_of_two_loses_nothing() {
    explore(|| senders_and_receiver(2, 2));
}

#[test]
fn ring_two_receivers_do_not_get_the_same() {
    explore(|| {
        let shared = Shared::new(2);
        assert_eq!(shared.push(1), Attempt::Done);
        let other = Arc::clone(&shared);
        let other = thread::spawn(move || other.pop().ok());
        let sender = Arc::clone(&shared);
        let sender = thread::spawn(move || sender.push(2));
        let mut received: Vec<u32> = shared.pop().ok().into_iter().collect();
        received.extend(other.join().unwrap());
        assert_eq!(sender.join().unwrap(), Attempt::Done);
        received.extend(shared.drain());
        received.sort_unstable();
        assert_eq!(received, [1, 2]);
    });
}

/// A receiver arrests the tail, finds nothing and waits, against `senders`.
fn receiver_waits(senders: u32, release: bool) {
    let shared = Shared::new(2);
    let receiver = Arc::clone(&shared);
    let receiver = thread::spawn(move || {
        receiver.locked(|| {
            let received = receiver.pop_locked();
            receiver.set_waits(received.is_none());
            if release && received.is_some() {
                receiver.ring.release();
            }
            received
        })
    });
    let senders: Vec<_> = (1..=senders)
        .map(|name| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || assert!(shared.send(name)))
        })
        .collect();
    let n = senders.len();
    for sender in senders {
        sender.join().unwrap();
    }
    let received = receiver.join().unwrap();
    let left = shared.drain();
    assert!(!shared.waits(), "the receiver waits beside a value");
    assert_eq!(left.len() + received.iter().count(), n);
}

/// Fails if `arrest_tail` comes after the attempt to receive, or is done by a load and a store.
#[test]
fn ring_a_receiver_does_not_wait_beside_a_value() {
    explore_all(|| receiver_waits(1, false));
    explore(|| receiver_waits(2, true));
}

/// Fails if `arrest_head` comes after the attempt to send, or is done by a load and a store.
#[test]
fn ring_a_sender_does_not_wait_beside_room() {
    fn model(receivers: usize) {
        let shared = Shared::new(receivers);
        for name in 1..=receivers as u32 {
            assert_eq!(shared.push(name), Attempt::Done);
        }
        let sender = Arc::clone(&shared);
        let sender = thread::spawn(move || {
            sender.locked(|| {
                let sent = sender.push_locked(9);
                sender.set_waits(!sent);
                sent
            })
        });
        let others: Vec<_> = (0..receivers)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.recv().unwrap())
            })
            .collect();
        let mut received: Vec<u32> = others.into_iter().map(|it| it.join().unwrap()).collect();
        let sent = sender.join().unwrap();
        assert!(!shared.waits(), "the sender waits beside room");
        received.extend(shared.drain());
        received.sort_unstable();
        let mut all: Vec<u32> = (1..=receivers as u32).collect();
        all.extend(sent.then_some(9));
        assert_eq!(received, all);
    }
    explore_all(|| model(1));
    explore(|| model(2));
}

/// The holder of the lock releases the ring while other threads try to use it.
#[test]
fn ring_released_while_others_send_and_receive() {
    explore(|| {
        let shared = Shared::new(1);
        let holder = Arc::clone(&shared);
        let holder = thread::spawn(move || {
            holder.locked(|| {
                let sent = holder.push_locked(1);
                holder.ring.release();
                sent
            })
        });
        let sender = Arc::clone(&shared);
        let sender = thread::spawn(move || sender.send(2));
        let mut received: Vec<u32> = shared.recv().into_iter().collect();
        let sent = [holder.join().unwrap(), sender.join().unwrap()];
        received.extend(shared.drain());
        assert_eq!(received.contains(&1), sent[0]);
        assert_eq!(received.contains(&2), sent[1]);
        assert_eq!(received.len(), sent.iter().filter(|&&sent| sent).count());
    });
}

/// A push either comes before the close, and its value is found; or it gets its value back.
#[test]
fn ring_closed_while_others_send() {
    explore_large(|| {
        let shared = Shared::new(2);
        let senders = [1, 2].map(|name| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || match shared.push(name) {
                Attempt::Done => true,
                Attempt::Closed => false,
                other => unreachable!("{other:?}"),
            })
        });
        shared.locked(|| {
            shared.ring.close();
            shared.ring.release();
        });
        // This does what `close_and_drain` does: after the end no value comes.
        let mut received = Vec::new();
        let end = loop {
            match shared.pop() {
                Ok(name) => received.push(name),
                Err(end) => break end,
            }
        };
        assert_eq!(end, Attempt::Closed);
        let sent = senders.map(|sender| sender.join().unwrap());
        assert_eq!(
            shared.pop(),
            Err(Attempt::Closed),
            "something came after the end"
        );
        assert_eq!(received.contains(&1), sent[0]);
        assert_eq!(received.contains(&2), sent[1]);
    });
}

/// The observer is the last thread: see `mod.rs`.
#[test]
fn ring_len_is_within_the_capacity() {
    fn model(cap: usize, before: u32) {
        let shared = Shared::new(cap);
        for name in 0..before {
            assert_eq!(shared.push(name), Attempt::Done);
        }
        let observer = Arc::clone(&shared);
        let observer = thread::spawn(move || {
            let len = observer.ring.len();
            assert!(len <= cap, "{len} of {cap}");
        });
        let _ = shared.push(8);
        let _ = shared.pop();
        let _ = shared.pop();
        observer.join().unwrap();
    }
    explore_all(|| model(1, 0));
    explore_all(|| model(1, 1));
    explore_all(|| model(2, 1));
}
