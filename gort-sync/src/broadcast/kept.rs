//! The values that a broadcast channel keeps, and who has yet to get them.
//!
//! Values are numbered in the order in which they are sent. A receiver knows the number of its next one.
//!
//! # Invariants (under the lock)
//! 1. `kept` holds the values from number `first` on, `cap` at most; the next to be sent has the number `first + kept.len()`.
//! 2. `yet` of a kept value is the number of receivers that have subscribed before it was sent, are still there, and whose
//!    next number is not above the value's.
//! 3. The first kept value has `yet` above 0: what nobody can get any more is not kept. Receivers get values in order, so
//!    `yet` does not fall along the queue among those who were there, and those who are done with are at its front.
//! 4. A receiver whose next number is below `first` has lost what is in between: `first` passes by it only when a send drops
//!    the oldest value.
//! 5. Nobody waits for whom there is something to get, or when there is no sender.
//!
//! # Why no wake-up is lost
//! As `lookout.rs` says: a value is kept, and the last sender goes, under the lock, and all who wait are taken out
//! in the same critical section.
//!
//! # The user's code
//! Values are dropped and cloned without the lock: a look gives a share of the value, and what is done with is handed
//! out to be dropped. So who clones keeps a value for that long, which others cannot get any more.

use super::error::RecvError;
use crate::lookout::Lookout;
use crate::prim::{AtomicU64, Ordering::Relaxed};
use crate::waitlock::WaitLock;
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Home, WaitReason};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A value, and how many have yet to get it.
struct KeptValue<T> {
    value: Arc<T>,
    yet: usize,
}

/// What the lock protects.
pub(crate) struct Kept<T> {
    kept: VecDeque<KeptValue<T>>,
    first: u64,
    senders: usize,
    receivers: usize,
    waiters: WaitQueue,
}

/// What the ends of a channel share.
pub(crate) struct Shared<T> {
    cap: usize,
    place: WaitLock<Kept<T>>,
}

impl<T> Kept<T> {
    /// The number of the next value to be sent.
    fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Takes out the oldest value.
    fn pop(&mut self) -> Option<Arc<T>> {
        let oldest = self.kept.pop_front()?;
        self.first += 1;
        Some(oldest.value)
    }
}

impl<T> Shared<T> {
    /// With one sender and one receiver.
    pub(super) fn new(cap: usize) -> Self {
        Self {
            cap,
            place: WaitLock::new(
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
        // Not under the lock, nor in vain if there are receivers.
        let value = Arc::new(value);
        let mut inside = self.place.lock();
        let receivers = inside.receivers;
        if receivers == 0 {
            drop(inside);
            return Err(
                Arc::into_inner(value).unwrap_or_else(|| unreachable!("nobody else has it"))
            );
        }
        let oldest = (inside.kept.len() == self.cap).then(|| inside.pop());
        inside.kept.push_back(KeptValue {
            value,
            yet: receivers,
        });
        inside.waiters.take_all(&wakes);
        drop(inside);
        wakes.wake_all();
        drop(oldest);
        Ok(receivers)
    }

    pub(super) fn one_more_sender(&self) {
        self.place.lock().senders += 1;
    }

    pub(super) fn sender_gone(&self) {
        let wakes = Wakes::new();
        let mut inside = self.place.lock();
        inside.senders -= 1;
        if inside.senders == 0 {
            inside.waiters.take_all(&wakes);
        }
        drop(inside);
        wakes.wake_all();
    }

    /// Says which value it gets next.
    pub(super) fn one_more_receiver(&self) -> u64 {
        let mut inside = self.place.lock();
        inside.receivers += 1;
        inside.end()
    }

    /// The receiver whose next number that is has gone.
    pub(super) fn receiver_gone(&self, next: &AtomicU64) {
        let mut inside = self.place.lock();
        inside.receivers -= 1;
        let got = next.load(Relaxed).saturating_sub(inside.first) as usize;
        for kept in inside.kept.iter_mut().skip(got) {
            kept.yet -= 1;
        }
        let mut gone = Vec::new();
        while inside.kept.front().is_some_and(|kept| kept.yet == 0) {
            gone.extend(inside.pop());
        }
        drop(inside);
        drop(gone);
    }
}

/// A share of a value that a receiver gets: to be cloned.
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

    fn place(&self) -> &WaitLock<Kept<T>> {
        &self.shared.place
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
        kept.yet -= 1;
        let last = kept.yet == 0;
        let value = Arc::clone(&kept.value);
        if last {
            // It is the first (invariant 3), and not the last share: `value` is one.
            drop(inside.pop());
        }
        Some(Ok(Got(value)))
    }
}
