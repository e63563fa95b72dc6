//! The channel proper: a buffer, two queues of waiters, one lock. Go's `hchan`.
//!
//! # Invariants (under the lock)
//! 1. At most one of `recvq` and `sendq` holds a waiter that can still be woken. (A select may be
//!    in both queues of one channel. It never pairs with itself, because it tries its arms and
//!    enters the queues under the same lock.)
//! 2. While the buffer has room that is not promised (`reserve.rs`), no waiter is in `sendq`. While
//!    the buffer holds a value, no waiter is in `recvq`. The buffer of a rendezvous channel has no
//!    room.
//! 3. Once `closed` is set, both queues are empty, and the buffer only shrinks.
//! 4. `recv_hint` of a rendezvous channel is false only if no sender waits and the channel is open.
//!    It is written under the lock and read without it.
//! 5. In a bubble's channel the buffer is always arrested and `recv_hint` is always true. So every
//!    operation takes the lock, and checks before that whether the caller may use the channel
//!    (`membership.rs`). Other channels pay nothing for the check.
//! 6. While a receiver waits, the buffer's tail is arrested; while a sender waits, which happens
//!    only at a ring, both ends are (`ring.rs`, `chain.rs`). So no operation can overtake a waiter
//!    without taking the lock. The ends stay arrested for some operations after that
//!    ([`QUIET_OPS`]).
//!
//! A sender that finds a parked receiver writes the value straight to the receiver's stack. A
//! receiver that finds the buffer full takes its head and moves the first parked sender's value to
//! the tail. So buffer and queue together are first in, first out.
//!
//! Waiters are woken after the lock is released. The record stays alive until the wake-up, and the
//! channel stays alive because the caller holds a handle. A receiver that is woken without a value
//! tries again: either the channel was closed, or a sender has given up its promise.
//!
//! # Why no wake-up is lost although the buffer needs no lock
//! A receiver that is about to wait takes the lock, arrests the tail and tries once more. If a
//! send's compare-and-swap came before the arrest, that attempt sees the value. If it comes after
//! the arrest it fails; the sender then takes the lock, and finds that the receiver is in the queue
//! or has left. A select holds the locks of all its channels, and each buffer stays arrested until
//! the select has looked at every channel. In effect, it looks at all of them at one moment.
//!
//! # Orderings
//! In rendezvous channels everything is under the lock except `recv_hint`, a release store that is
//! read by an acquire load (`hint.rs`). A poll that reads an old `false` is ordered before the send
//! that would make it `true`. A poll that *follows* such a send, in the same goroutine or through
//! any synchronisation, sees `true`. The buffers' orderings are in `ring.rs` and `chain.rs`.

use super::chain::Chain;
use super::direction::Direction;
use super::ring::{Attempt, Ring, drop_all};
use crate::prim::{AtomicBool, Ordering::Release};
use crate::sudog::{Kind, Sudog};
use crate::waitlock::{Held, WaitLock};
use crate::waitqueue::{WaitQueue, Wakes, Won};
use gort_runtime::{Home, MayWait};
use std::fmt;
use std::mem::MaybeUninit;

/// A channel with its buffer and its waiters.
///
/// The pointers to the buffers, which never change, come first. What changes under the lock is as
/// far from them as room allows, so that it is mostly in another cache line.
#[repr(C)]
pub(crate) struct Hchan<T> {
    /// The buffer of a bounded channel. A rendezvous channel has none. The ring is boxed because
    /// its words have cache lines of their own and programs have many small channels (`sieve` ran
    /// at half the speed with the ring inline).
    ring: Option<Box<Ring<T>>>,
    /// The buffer of an unbounded channel.
    chain: Option<Box<Chain<T>>>,
    _apart: [usize; 3],
    pub(super) state: WaitLock<ChanState>,
    pub(super) recv_hint: AtomicBool,
}

/// Number of operations under the lock, with no waiter left, after which the buffer is released.
/// Arresting it is a read-modify-write. So in a channel where a goroutine waits for each value
/// (`pingpong_buf1`), it is cheaper to leave the buffer arrested and to take the lock each time.
const QUIET_OPS: u32 = 4;

/// What the lock protects. Code with a `&mut ChanState` holds that channel's lock, and passes it
/// only to that channel's methods.
pub(crate) struct ChanState {
    pub(super) closed: bool,
    /// Places in the ring that are promised to senders that have been chosen and will bring their
    /// values later. While this is not 0 the ring's tail is arrested.
    pub(super) promised: usize,
    /// Operations since the last waiter left.
    quiet_ops: u32,
    pub(super) recvq: WaitQueue,
    sendq: WaitQueue,
}

impl ChanState {
    /// Returns the queue in which senders, or receivers, wait.
    pub(super) fn queue(&mut self, direction: Direction) -> &mut WaitQueue {
        match direction {
            Direction::Send => &mut self.sendq,
            Direction::Recv => &mut self.recvq,
        }
    }
}

// SAFETY: apart from atomics a channel holds values, which move with it.
unsafe impl<T: Send> Send for Hchan<T> {}
// SAFETY: the state, with the records and values that it points to, is accessed only under the
// lock. A value in a buffer is accessed only by the thread that owns its slot (`ring.rs`,
// `chain.rs`). So values are moved between threads, never shared, and `T: Send` is enough.
unsafe impl<T: Send> Sync for Hchan<T> {}

/// The outcome of an attempt under the lock.
#[derive(Debug)]
pub(crate) enum Tried {
    /// The value was moved.
    Done,
    /// The channel is closed (and drained, for a receive).
    Closed,
    /// The operation would have to wait.
    NotReady,
    /// A receive has won a sender that does not have its value yet. After unlocking, fetch the
    /// value with `receive_promised`.
    Promised(Won, MayWait),
    /// A receive could win only a sender that does not have its value yet, and the caller must not
    /// wait.
    Refused,
}

impl<T> Hchan<T> {
    pub(crate) fn bounded(home: Home, cap: usize) -> Self {
        let ring = (cap != 0).then(|| {
            // All memory is allocated now. Otherwise a later send might run out of memory, which
            // its caller does not expect.
            match Ring::new(cap) {
                Some(ring) => Box::new(ring),
                None => panic!("channel of capacity {cap}: size out of range"),
            }
        });
        Self::with_buffer(home, ring, None)
    }

    pub(crate) fn unbounded() -> Self {
        Self::with_buffer(Home::here(), None, Some(Box::new(Chain::new())))
    }

    fn with_buffer(home: Home, ring: Option<Box<Ring<T>>>, chain: Option<Box<Chain<T>>>) -> Self {
        let in_bubble = home != Home::OUTSIDE;
        if in_bubble {
            ring.iter().for_each(|ring| ring.arrest());
            chain.iter().for_each(|chain| chain.arrest());
        }
        Self {
            ring,
            chain,
            _apart: [0; 3],
            recv_hint: AtomicBool::new(in_bubble),
            state: WaitLock::new(
                home,
                ChanState {
                    closed: false,
                    promised: 0,
                    quiet_ops: 0,
                    recvq: WaitQueue::new(),
                    sendq: WaitQueue::new(),
                },
            ),
        }
    }

    /// Takes the lock.
    #[inline]
    pub(super) fn lock(&self) -> Held<'_, ChanState> {
        self.state.lock()
    }

    /// Returns the capacity, or `None` for an unbounded channel.
    pub(crate) fn capacity(&self) -> Option<usize> {
        (!self.is_unbounded()).then(|| self.ring().map_or(0, Ring::cap))
    }

    #[inline(always)]
    pub(crate) fn ring(&self) -> Option<&Ring<T>> {
        self.ring.as_deref()
    }

    #[inline(always)]
    pub(crate) fn chain(&self) -> Option<&Chain<T>> {
        self.chain.as_deref()
    }

    #[inline]
    pub(super) fn is_unbounded(&self) -> bool {
        self.chain.is_some()
    }

    /// Returns whether the channel has no buffer.
    #[inline]
    fn is_rendezvous(&self) -> bool {
        self.ring.is_none() && self.chain.is_none()
    }

    /// Returns what the lock protects, for an arm of a select.
    ///
    /// # Safety
    /// The select that calls the arm holds the lock, and no other reference returned by this
    /// function is in use.
    #[expect(clippy::mut_from_ref, reason = "the lock is what excludes others")]
    pub(crate) unsafe fn state(&self) -> &mut ChanState {
        // SAFETY: the caller guarantees that the lock is held, and this is the only reference.
        unsafe { self.state.held() }
    }

    /// Called after every change under the lock: updates `recv_hint`, or may release the buffer.
    #[inline]
    pub(super) fn publish(&self, state: &mut ChanState) {
        let sender_waits = !state.sendq.is_empty();
        if self.home() != Home::OUTSIDE {
            return;
        }
        if self.is_rendezvous() {
            self.recv_hint.store(state.closed || sender_waits, Release);
        // A closed channel keeps no promise, so receivers need not stop for promised places.
        } else if state.closed {
            self.release();
        } else if sender_waits || !state.recvq.is_empty() || state.promised != 0 {
            state.quiet_ops = 0;
        } else {
            state.quiet_ops += 1;
            if state.quiet_ops >= QUIET_OPS {
                state.quiet_ops = 0;
                self.release();
            }
        }
    }

    /// Tries to send the value at `elem`. The value is moved only if the result is `Done`.
    ///
    /// # Safety
    /// `elem` points to a value that is the caller's to move.
    #[inline]
    pub(crate) unsafe fn try_send_locked(
        &self,
        state: &mut ChanState,
        elem: *mut T,
        wakes: &Wakes,
    ) -> Tried {
        if state.closed {
            return Tried::Closed;
        }
        if let Some(won) = state.recvq.dequeue_partner(wakes) {
            let sg = won.record();
            // SAFETY: the `elem` of a receiver's record is a place for a `T`, which the receiver
            // does not touch before it is woken. The caller guarantees that our `elem` is a value
            // to move. It moves once, as `Done` tells the caller.
            unsafe { sg.elem.get().cast::<T>().copy_from_nonoverlapping(elem, 1) };
            sg.success.set(true);
            wakes.push(won);
            self.publish(state);
            return Tried::Done;
        }
        // SAFETY: the channel is open, as checked above. The caller guarantees that `elem` is a
        // value to move.
        if unsafe { self.buffer_push(state, elem) } {
            self.publish(state);
            return Tried::Done;
        }
        Tried::NotReady
    }

    /// Tries to receive into `elem`, which is initialised only if the result is `Done`. If the
    /// caller must not wait, it cannot win a sender that has only promised a value.
    ///
    /// # Safety
    /// `elem` is a place for a `T`.
    #[inline]
    pub(crate) unsafe fn try_recv_locked(
        &self,
        state: &mut ChanState,
        elem: *mut T,
        wakes: &Wakes,
        may_wait: Option<MayWait>,
    ) -> Tried {
        // SAFETY: the caller guarantees that `elem` is a place for a `T`.
        if unsafe { self.buffer_pop(state, elem) } {
            self.admit_sender(state, wakes);
            self.publish(state);
            return Tried::Done;
        }
        let sender = match may_wait {
            Some(_) => state.sendq.dequeue_partner(wakes),
            None => state.sendq.dequeue_value(wakes),
        };
        if let Some(won) = sender {
            self.publish(state);
            let sg = won.record();
            if sg.kind.get() == Kind::Promise
                && let Some(may_wait) = may_wait
            {
                return Tried::Promised(won, may_wait);
            }
            // SAFETY: the caller guarantees that our `elem` is a place. The record's `elem` is a
            // value, and since we have won the sender it is ours to move. The sender has not merely
            // promised it: a caller that must not wait wins no promise.
            unsafe { elem.copy_from_nonoverlapping(sg.elem.get().cast::<T>(), 1) };
            sg.success.set(true);
            wakes.push(won);
            return Tried::Done;
        }
        if may_wait.is_none() && state.sendq.has_partner() {
            return Tried::Refused;
        }
        if state.closed {
            Tried::Closed
        } else {
            Tried::NotReady
        }
    }

    /// Gives a free place in the buffer to the first waiting sender, if there is one. The place was
    /// freed by the caller: the buffer was full before, and since a sender waited, no other
    /// operation can have taken a value or filled the place.
    #[inline]
    pub(super) fn admit_sender(&self, state: &mut ChanState, wakes: &Wakes) {
        let Some(won) = state.sendq.dequeue_partner(wakes) else {
            return;
        };
        let sg = won.record();
        if sg.kind.get() == Kind::Promise {
            state.promised += 1;
        } else {
            // SAFETY: a sender was waiting, so the channel is open (invariant 3). The `elem` of a
            // sender that has promised nothing is its value, and since we have won the sender it is
            // ours to move.
            let moved = unsafe { self.buffer_push(state, sg.elem.get().cast::<T>()) };
            debug_assert!(moved, "there is room for one");
        }
        sg.success.set(true);
        wakes.push(won);
    }

    /// Returns true if a send would not wait. If this is false, it cannot become true without the
    /// lock being taken.
    pub(crate) fn can_send_locked(&self, state: &ChanState) -> bool {
        if state.closed || self.is_unbounded() || state.recvq.has_partner() {
            return true;
        }
        let Some(ring) = &self.ring else { return false };
        ring.len() + state.promised < ring.cap() || {
            ring.arrest_tail();
            ring.has_room_beside(state.promised)
        }
    }

    /// Returns true if a receive would not wait. If this is false, it cannot become true without
    /// the lock being taken.
    pub(crate) fn can_recv_locked(&self, state: &ChanState) -> bool {
        if state.closed || state.sendq.has_partner() {
            return true;
        }
        if let Some(chain) = &self.chain {
            chain.arrest_tail();
            return chain.len() != 0;
        }
        let Some(ring) = &self.ring else { return false };
        ring.len() != 0 || {
            ring.arrest_tail();
            ring.len() != 0
        }
    }

    /// Adds the record to the queue of waiting senders, or receivers.
    ///
    /// # Safety
    /// The lock has been held since the operation was found to be impossible. The record is in no
    /// queue; the record and its word stay in place until the record has been removed.
    pub(crate) unsafe fn enqueue(&self, state: &mut ChanState, direction: Direction, sg: &Sudog) {
        // SAFETY: the caller guarantees that the record is in no queue, and stays in place together
        // with its word.
        unsafe { state.queue(direction).push_back(sg) };
        match direction {
            // A waiting receiver does not change what the hint says.
            Direction::Recv => state.quiet_ops = 0,
            Direction::Send => self.publish(state),
        }
    }

    /// Removes the record from the queue of waiting senders, or receivers, if it is still there.
    ///
    /// # Safety
    /// The record is in this queue of this channel, or in none.
    pub(crate) unsafe fn dequeue(&self, state: &mut ChanState, direction: Direction, sg: &Sudog) {
        // SAFETY: the caller guarantees that the record is in this queue or in none.
        unsafe { state.queue(direction).remove(sg) };
        self.publish(state);
    }

    /// Closes the channel and wakes every waiter, with `success` false. Returns false if the
    /// channel was closed before.
    pub(crate) fn close(&self) -> bool {
        let wakes = Wakes::new();
        let mut held = self.lock();
        let state = &mut *held;
        let first = !state.closed;
        state.closed = true;
        if let Some(ring) = &self.ring {
            ring.close();
        } else if let Some(chain) = &self.chain {
            chain.close();
        }
        while let Some(won) = state.recvq.dequeue().or_else(|| state.sendq.dequeue()) {
            won.record().success.set(false);
            wakes.push(won);
        }
        self.publish(state);
        drop(held);
        wakes.wake_all();
        first
    }

    /// Returns true if the channel was closed or if one side has no handles left.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Called when the last receiver is gone: closes the channel and drops what is buffered, even
    /// if destructors panic.
    pub(crate) fn close_and_drain(&self) {
        self.close();
        // Destructors are user code, so they run after the lock is released.
        let held = self.lock();
        self.release(); // In a bubble the buffer is still arrested.
        drop(held);
        let mut place = MaybeUninit::<T>::uninit();
        // SAFETY: `place` is a place for a `T`, and `Done` means that it was filled. (No waiter is
        // left in a closed channel and the buffer was released, so the attempts end with `Closed`.)
        drop_all(|| unsafe {
            let attempt = match (self.ring(), self.chain()) {
                (Some(ring), _) => ring.pop(place.as_mut_ptr()),
                (None, Some(chain)) => chain.pop(place.as_mut_ptr()),
                (None, None) => Attempt::Closed,
            };
            let filled = attempt == Attempt::Done;
            filled.then(|| place.assume_init_drop()).is_some()
        });
    }
}

impl<T> Drop for Hchan<T> {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        debug_assert!(
            state.recvq.is_empty() && state.sendq.is_empty(),
            "waiters hold handles"
        );
    }
}

impl<T> fmt::Debug for Hchan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hchan")
            .field("cap", &self.capacity())
            .finish_non_exhaustive()
    }
}
