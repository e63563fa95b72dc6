//! The values that a broadcast channel keeps, and how many receivers have yet to get each.
//!
//! Values are numbered in the order in which they are sent. A receiver stores the number of its
//! next value.
//!
//! # Invariants (under the lock)
//! 1. `kept` holds the values from number `first` on, `cap` at most. The next value to be sent has
//!    the number `first + kept.len()`.
//! 2. `remaining` of a kept value is the number of receivers that subscribed before it was sent,
//!    still exist, and have a next number that is not above the value's.
//! 3. The first kept value has `remaining` above 0: a value that no receiver can get any more is
//!    not kept. Receivers get values in order. So a receiver that has yet to get a value has yet to
//!    get all later ones, and the values that all receivers have got are at the front.
//! 4. A receiver whose next number is below `first` has lost the values in between: only a send
//!    that drops the oldest value moves `first` past a receiver's next number.
//! 5. No receiver waits while there is a value for it, or while there is no sender.
//!
//! # Why no wake-up is lost
//! The argument is that of `lookout.rs`. A sender adds a value under the lock, and the last sender
//! leaves under the lock. In the same critical section it removes all waiters from the queue.
//!
//! # User code
//! Values are dropped and cloned without the lock: a look returns a share of the value, and values
//! that are no longer kept are handed out to be dropped. So a receiver that clones a value keeps it
//! in memory for that long, although other receivers might not be able to get it any more.

use super::error::RecvError;
use crate::lookout::Lookout;
use crate::prim::{AtomicU64, Ordering::Relaxed};
use crate::waitlock::WaitLock;
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Home, WaitReason};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A value, and the number of receivers that have yet to get it.
struct KeptValue<T> {
    value: Arc<T>,
    remaining: usize,
}

/// What the lock protects.
pub(crate) struct Kept<T> {
    kept: VecDeque<KeptValue<T>>,
    first: u64,
    senders: usize,
    receivers: usize,
    waiters: WaitQueue,
}

/// What the senders and receivers of a channel share.
pub(crate) struct Shared<T> {
    cap: usize,
    state: WaitLock<Kept<T>>,
}

impl<T> Kept<T> {
    /// Returns the number of the next value to be sent.
    fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Removes and returns the oldest value.
    fn pop(&mut self) -> Option<Arc<T>> {
        let oldest = self.kept.pop_front()?;
        self.first += 1;
        Some(oldest.value)
    }
}

impl<T> Shared<T> {
    /// Creates a channel's state, with one sender and one receiver.
    pub(super) fn new(cap: usize) -> Self {
        Self {
            cap,
            state: WaitLock::new(
                Home::here(),
                Kept {
                    kept: VecDeque::new(),
                    first: 0,
                    senders: 1,
                    receivers: 1,
                    waiters: WaitQueue::new(),
                },
            ),
        }
    }

    pub(super) fn send(&self, value: T) -> Result<usize, T> {
        let wakes = Wakes::new();
        // Allocate before taking the lock. This is wasted only if there are no receivers.
        let value = Arc::new(value);
        let mut inside = self.state.lock();
        let receivers = inside.receivers;
        if receivers == 0 {
            drop(inside);
            return Err(Arc::into_inner(value)
                .unwrap_or_else(|| unreachable!("there is no other reference")));
        }
        let oldest = (inside.kept.len() == self.cap).then(|| inside.pop());
        inside.kept.push_back(KeptValue {
            value,
            remaining: receivers,
        });
        inside.waiters.take_all(&wakes);
        drop(inside);
        wakes.wake_all();
        drop(oldest);
        Ok(receivers)
    }

    pub(super) fn one_more_sender(&self) {
        self.state.lock().senders += 1;
    }

    pub(super) fn sender_gone(&self) {
        let wakes = Wakes::new();
        let mut inside = self.state.lock();
        inside.senders -= 1;
        if inside.senders == 0 {
            inside.waiters.take_all(&wakes);
        }
        drop(inside);
        wakes.wake_all();
    }

    /// Counts one more receiver, and returns the number of its next value.
    pub(super) fn one_more_receiver(&self) -> u64 {
        let mut inside = self.state.lock();
        inside.receivers += 1;
        inside.end()
    }

    /// Removes a receiver. `next` is the number of its next value.
    pub(super) fn receiver_gone(&self, next: &AtomicU64) {
        let mut inside = self.state.lock();
        inside.receivers -= 1;
        let got = next.load(Relaxed).saturating_sub(inside.first) as usize;
        for kept in inside.kept.iter_mut().skip(got) {
            kept.remaining -= 1;
        }
        let mut gone = Vec::new();
        while inside.kept.front().is_some_and(|kept| kept.remaining == 0) {
            gone.extend(inside.pop());
        }
        drop(inside);
        drop(gone);
    }
}

/// A share of a value that a receiver gets and then clones.
#[derive(Debug)]
pub struct Got<T>(Arc<T>);

impl<T: Clone> Got<T> {
    pub(super) fn cloned(self) -> T {
        T::clone(&self.0)
    }
}

/// Looks for a receiver's next value.
pub struct NextLook<'a, T> {
    shared: &'a Shared<T>,
    next: &'a AtomicU64,
}

impl<'a, T> NextLook<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, next: &'a AtomicU64) -> Self {
        Self { shared, next }
    }
}

impl<T> fmt::Debug for NextLook<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NextLook { .. }")
    }
}

impl<T> Lookout for NextLook<'_, T> {
    type Inside = Kept<T>;
    type Seen = Result<Got<T>, RecvError>;

    const REASON: WaitReason = WaitReason::BroadcastReceive;

    fn state(&self) -> &WaitLock<Kept<T>> {
        &self.shared.state
    }

    fn queue(inside: &mut Kept<T>) -> &mut WaitQueue {
        &mut inside.waiters
    }

    fn look(&self, inside: &mut Kept<T>) -> Option<Self::Seen> {
        let next = self.next.load(Relaxed);
        if next < inside.first {
            self.next.store(inside.first, Relaxed);
            return Some(Err(RecvError::Lagged(inside.first - next)));
        }
        let at = (next - inside.first) as usize;
        let Some(kept) = inside.kept.get_mut(at) else {
            return (inside.senders == 0).then_some(Err(RecvError::Closed));
        };
        self.next.store(next + 1, Relaxed);
        kept.remaining -= 1;
        let last = kept.remaining == 0;
        let value = Arc::clone(&kept.value);
        if last {
            // The value is the first (invariant 3). `pop` does not drop the value itself, since
            // `value` is another share.
            drop(inside.pop());
        }
        Some(Ok(Got(value)))
    }
}
