//! The channel proper: a buffer, two queues of waiters, one lock. Go's `hchan`.
//!
//! # Invariants (under the lock)
//! 1. At most one of `recvq` and `sendq` holds a waiter that can still be woken
//!    (a select may stand in both queues of one channel; it never pairs with itself,
//!    because it looks and enters under the lock).
//! 2. With room in the buffer that is not promised (`reserve.rs`) nobody waits in `sendq`;
//!    with something in the buffer nobody waits in `recvq`. A rendezvous channel has a buffer of 0.
//! 3. Once `closed`, nobody waits, and the buffer only shrinks.
//! 4. `recv_hint` is false only if the buffer is empty, no sender waits and the
//!    channel is open; written under the lock, read without it.
//! 5. A bubble's channel has its ring arrested for ever, and `recv_hint` true: so whoever uses it comes by the lock, and
//!    is asked before that (`membership.rs`), and others pay nothing for it.
//! 6. While a receiver waits the ring's tail is arrested, while a sender does both its
//!    ends are (`ring.rs`): nobody can pass by a waiter without the lock. They stay
//!    arrested for a while after that ([`CALM`]).
//!
//! A sender that finds a parked receiver writes the value straight to the
//! receiver's stack; a receiver that finds the buffer full takes its head and moves the first
//! parked sender's value to the tail: first in, first out, over buffer and queue.
//!
//! Waiters are woken after the lock is released. That is safe for the record, which is alive
//! until the wake-up, and for the channel: whoever calls holds a handle to it. A receiver
//! woken without a value looks again: the channel was closed, or a promise given up.
//!
//! # Why no wake-up is lost although the ring needs no lock
//! A receiver that would wait takes the lock, arrests the tail and looks once more. A send
//! whose compare-and-swap came before the arrest is seen by that look; one that comes
//! after it fails, takes the lock, and finds the receiver in the queue, or gone. The look
//! of a select with several channels is one moment, since each stays arrested, under its
//! lock, until all have been looked at.
//!
//! # Orderings
//! Rendezvous and unbounded channels: everything is under the lock, but `recv_hint`: a
//! release store, read by an acquire load (`hint.rs`). A poll that reads an old `false` is
//! ordered before the send that would make it `true`; a poll that *follows* such a send,
//! in the same goroutine or by any synchronisation, sees it. The ring's are in `ring.rs`.

use super::backlog::Backlog;
use super::direction::Direction;
use super::ring::{Attempt, Ring, drop_all};
use crate::prim::{AtomicBool, Ordering::Release};
use crate::sudog::{Kind, Sudog};
use crate::waitlock::{Held, WaitLock};
use crate::waitqueue::{WaitQueue, Wakes, Won};
use gort_runtime::{Home, MayWait};
use std::fmt;
use std::mem::MaybeUninit;

/// One channel.
pub(crate) struct Hchan<T> {
    /// The buffer of a bounded channel. A rendezvous channel has none, an unbounded one's
    /// is in the state. Apart, because a ring's words have cache lines of their own, and
    /// small channels are many (`sieve`: half the speed with the ring in place).
    ring: Option<Box<Ring<T>>>,
    pub(super) recv_hint: AtomicBool,
    pub(super) unbounded: bool,
    pub(super) state: WaitLock<ChanState<T>>,
}

/// Operations under the lock without anybody waiting after which the ring is free again. To
/// arrest it is a read-modify-write: in a channel where each value is waited for
/// (`pingpong_buf1`) the lock alone is cheaper.
const CALM: u32 = 4;

/// What the lock protects. Whoever has it mutably holds the lock of its channel, and hands it to
/// that channel's methods.
pub(crate) struct ChanState<T> {
    /// Of an unbounded channel; otherwise empty.
    buf: Backlog<T>,
    pub(super) closed: bool,
    /// Places in the ring that are promised to senders who have been chosen and will come
    /// with their values. While there are any, its tail is arrested.
    pub(super) promised: usize,
    /// Operations since somebody waited.
    calm: u32,
    pub(super) recvq: WaitQueue,
    sendq: WaitQueue,
}

impl<T> ChanState<T> {
    /// Where one waits who wants to send, or to receive.
    pub(super) fn queue(&mut self, direction: Direction) -> &mut WaitQueue {
        match direction {
            Direction::Send => &mut self.sendq,
            Direction::Recv => &mut self.recvq,
        }
    }
}

// SAFETY: what it holds besides atomics are values, which move with it.
unsafe impl<T: Send> Send for Hchan<T> {}
// SAFETY: the state, and with it the records and values that it points to, is reached only under
// the lock, and a value in the ring only by the one whose turn at its slot it is (`ring.rs`). So
// values are moved between threads, never shared, and `T: Send` is enough.
unsafe impl<T: Send> Sync for Hchan<T> {}

/// What an operation came to, tried under the lock.
#[derive(Debug)]
pub(crate) enum Tried {
    /// Done.
    Done,
    /// The channel is closed (and drained, for a receive).
    Closed,
    /// Would wait.
    NotReady,
    /// A receive has won a sender that has yet to come by its value: go and fetch it
    /// (`receive_promised`), after unlocking.
    Promised(Won, MayWait),
    /// A receive could only win such a sender, and its caller may not wait.
    Refused,
}

impl<T> Hchan<T> {
    pub(crate) fn bounded(home: Home, cap: usize) -> Self {
        let ring = (cap != 0).then(|| {
            // Without room for `cap` values now, sends would fail later, when nobody
            // expects it.
            match Ring::new(cap) {
                Some(ring) => Box::new(ring),
                None => panic!("channel of capacity {cap}: size out of range"),
            }
        });
        Self::with_buffer(home, ring, false)
    }

    pub(crate) fn unbounded() -> Self {
        Self::with_buffer(Home::here(), None, true)
    }

    fn with_buffer(home: Home, ring: Option<Box<Ring<T>>>, unbounded: bool) -> Self {
        let in_bubble = home != Home::OUTSIDE;
        if let (true, Some(ring)) = (in_bubble, &ring) {
            ring.arrest();
        }
        Self {
            ring,
            recv_hint: AtomicBool::new(in_bubble),
            unbounded,
            state: WaitLock::new(
                home,
                ChanState {
                    buf: Backlog::new(),
                    closed: false,
                    promised: 0,
                    calm: 0,
                    recvq: WaitQueue::new(),
                    sendq: WaitQueue::new(),
                },
            ),
        }
    }

    /// Takes the lock.
    #[inline]
    pub(super) fn lock(&self) -> Held<'_, ChanState<T>> {
        self.state.lock()
    }

    /// The capacity; `None` for an unbounded channel.
    pub(crate) fn capacity(&self) -> Option<usize> {
        (!self.unbounded).then(|| self.ring().map_or(0, Ring::cap))
    }

    #[inline(always)]
    pub(crate) fn ring(&self) -> Option<&Ring<T>> {
        self.ring.as_deref()
    }

    /// What the lock protects, for an arm of a select.
    ///
    /// # Safety
    /// The select that calls the arm holds the lock; no other reference from here is in use.
    #[expect(clippy::mut_from_ref, reason = "the lock is what excludes others")]
    pub(crate) unsafe fn state(&self) -> &mut ChanState<T> {
        // SAFETY: caller's clauses: the lock is held, and this is the only reference.
        unsafe { self.state.held() }
    }

    /// At the end of every change under the lock: the hint tells, and in the end the ring is
    /// free.
    #[inline]
    pub(super) fn publish(&self, state: &mut ChanState<T>) {
        let sender_waits = !state.sendq.is_empty();
        if self.home() != Home::OUTSIDE {
            return;
        }
        if let Some(ring) = self.ring() {
            // A closed channel keeps no promise: receivers need not mind them.
            if state.closed {
                ring.release();
            } else if sender_waits || !state.recvq.is_empty() || state.promised != 0 {
                state.calm = 0;
            } else {
                state.calm += 1;
                if state.calm >= CALM {
                    state.calm = 0;
                    ring.release();
                }
            }
        } else {
            let hint = !state.buf.is_empty() || state.closed || sender_waits;
            self.recv_hint.store(hint, Release);
        }
    }

    /// Under the lock: moves the value at `elem` to the buffer's end if there is room. Else
    /// both ends of a ring are arrested: there will be none while we hold the lock.
    ///
    /// # Safety
    /// The channel is open; `elem` points to a value that is the caller's to move.
    #[inline]
    unsafe fn buffer_push(&self, state: &mut ChanState<T>, elem: *mut T) -> bool {
        // SAFETY: who has the state holds the lock, and the tail is arrested before it is used so.
        // Caller's clauses: the channel is open, and `elem` is a value to move.
        unsafe {
            if let Some(ring) = &self.ring {
                ring.arrest_tail();
                return ring.has_room_beside(state.promised) && ring.push_arrested(elem);
            }
            if self.unbounded {
                state.buf.push(elem.read());
            }
        }
        self.unbounded
    }

    /// Under the lock: moves the buffer's first value to `elem` if there is one. Else the
    /// tail of a ring is arrested: there will be none while we hold the lock.
    ///
    /// # Safety
    /// `elem` is a place for a `T`.
    #[inline]
    unsafe fn buffer_pop(&self, state: &mut ChanState<T>, elem: *mut T) -> bool {
        // SAFETY: caller's clause: `elem` is a place. Who has the state holds the lock, and `Slow`
        // says that the head is arrested.
        unsafe {
            if let Some(ring) = &self.ring {
                ring.arrest_tail();
                return match ring.pop(elem) {
                    Attempt::Done => true,
                    Attempt::Slow => ring.pop_arrested(elem),
                    Attempt::NotReady | Attempt::Closed => false,
                };
            }
            match state.buf.pop() {
                Some(value) => {
                    elem.write(value);
                    true
                }
                None => false,
            }
        }
    }

    /// Tries to send the value at `elem`; moves out of it only if the answer is `Done`.
    ///
    /// # Safety
    /// `elem` points to a value that is the caller's to move.
    #[inline]
    pub(crate) unsafe fn try_send_locked(
        &self,
        state: &mut ChanState<T>,
        elem: *mut T,
        wakes: &Wakes,
    ) -> Tried {
        if state.closed {
            return Tried::Closed;
        }
        if let Some(won) = state.recvq.dequeue_partner(wakes) {
            let sg = won.record();
            // SAFETY: the `elem` of a receiver's record is a place for a `T`, which it does not touch
            // before it is woken. Caller's clause: our `elem` is a value to move; it moves once, as
            // `Done` tells the caller.
            unsafe { sg.elem.get().cast::<T>().copy_from_nonoverlapping(elem, 1) };
            sg.success.set(true);
            wakes.push(won);
            self.publish(state);
            return Tried::Done;
        }
        // SAFETY: the channel is open, as seen above; caller's clause: `elem` is a value to move.
        if unsafe { self.buffer_push(state, elem) } {
            self.publish(state);
            return Tried::Done;
        }
        Tried::NotReady
    }

    /// Tries to receive into `elem`, which is initialised only if the answer is `Done`. A caller
    /// who may not wait wins no sender that has only promised a value.
    ///
    /// # Safety
    /// `elem` is a place for a `T`.
    #[inline]
    pub(crate) unsafe fn try_recv_locked(
        &self,
        state: &mut ChanState<T>,
        elem: *mut T,
        wakes: &Wakes,
        may_wait: Option<MayWait>,
    ) -> Tried {
        // SAFETY: caller's clause: `elem` is a place for a `T`.
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
            // SAFETY: caller's clause: our `elem` is a place. The record's is a value, which is ours
            // to move as the sender was won: it has promised none, since those who may not wait win
            // no promise.
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

    /// There is room for one more: the first sender that waits gets it. It was full, and
    /// since somebody waits nobody can have taken from the buffer or filled it meanwhile.
    #[inline]
    pub(super) fn admit_sender(&self, state: &mut ChanState<T>, wakes: &Wakes) {
        let Some(won) = state.sendq.dequeue_partner(wakes) else {
            return;
        };
        let sg = won.record();
        if sg.kind.get() == Kind::Promise {
            state.promised += 1;
        } else {
            // SAFETY: where senders wait the channel is open (invariant 3). The `elem` of one that has
            // promised nothing is its value, which is ours to move as it was won.
            let moved = unsafe { self.buffer_push(state, sg.elem.get().cast::<T>()) };
            debug_assert!(moved, "there is room for one");
        }
        sg.success.set(true);
        wakes.push(won);
    }

    /// Whether a send would not wait. If it would, whoever changes that comes by the lock.
    pub(crate) fn can_send_locked(&self, state: &ChanState<T>) -> bool {
        if state.closed || self.unbounded || state.recvq.has_partner() {
            return true;
        }
        let Some(ring) = &self.ring else { return false };
        ring.len() + state.promised < ring.cap() || {
            ring.arrest_tail();
            ring.has_room_beside(state.promised)
        }
    }

    /// Whether a receive would not wait. If it would, whoever changes that comes by the lock.
    pub(crate) fn can_recv_locked(&self, state: &ChanState<T>) -> bool {
        if state.closed || !state.buf.is_empty() || state.sendq.has_partner() {
            return true;
        }
        let Some(ring) = &self.ring else { return false };
        ring.len() != 0 || {
            ring.arrest_tail();
            ring.len() != 0
        }
    }

    /// Enters the queue of those who want to send, or to receive.
    ///
    /// # Safety
    /// The lock has been held since the operation was found not to be possible. The record is in no
    /// queue; it and its word stay in place until it has been taken out.
    pub(crate) unsafe fn enqueue(
        &self,
        state: &mut ChanState<T>,
        direction: Direction,
        sg: &Sudog,
    ) {
        // SAFETY: caller's clauses: the record is in no queue, and stays in place with its word.
        unsafe { state.queue(direction).push_back(sg) };
        match direction {
            // To a receiver the hint has said "nothing" before.
            Direction::Recv => state.calm = 0,
            Direction::Send => self.publish(state),
        }
    }

    /// Leaves that queue, if the record is still there.
    ///
    /// # Safety
    /// The record is in this queue of this channel, or in none.
    pub(crate) unsafe fn dequeue(
        &self,
        state: &mut ChanState<T>,
        direction: Direction,
        sg: &Sudog,
    ) {
        // SAFETY: caller's clause: the record is in this queue or in none.
        unsafe { state.queue(direction).remove(sg) };
        self.publish(state);
    }

    /// Closes the channel: everyone who waits is woken without success. False if it
    /// was closed before.
    pub(crate) fn close(&self) -> bool {
        let wakes = Wakes::new();
        let mut held = self.lock();
        let state = &mut *held;
        let first = !state.closed;
        state.closed = true;
        if let Some(ring) = &self.ring {
            ring.close();
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

    /// Whether it is closed, or one side is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The last receiver is gone: closes the channel and drops what is buffered, whatever panics.
    pub(crate) fn close_and_drain(&self) {
        self.close();
        // Destructors are user code: they run without the lock.
        let mut held = self.lock();
        let buffered = held.buf.take();
        self.ring().inspect(|ring| ring.release()); // A bubble's is still arrested.
        drop(held);
        drop(buffered);
        if let Some(ring) = &self.ring {
            let mut place = MaybeUninit::<T>::uninit();
            // SAFETY: `place` is one for a `T`, and `Done` says that it was filled. (Nobody waits in a
            // closed channel, so the head is not arrested, and in the end there is `Closed`.)
            drop_all(|| unsafe {
                let filled = ring.pop(place.as_mut_ptr()) == Attempt::Done;
                filled.then(|| place.assume_init_drop()).is_some()
            });
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.ring {
            Some(ring) => ring.len(),
            None => self.lock().buf.len(),
        }
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
