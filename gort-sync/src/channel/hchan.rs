//! The channel proper: a buffer, two queues of waiters, one lock. Go's `hchan`.
//!
//! # Invariants (under the lock)
//! 1. At most one of `recvq` and `sendq` holds a waiter that can still be woken
//!    (a select may stand in both queues of one channel; it never pairs with itself,
//!    because it looks and enters under the lock).
//! 2. With room in the buffer nobody waits in `sendq`; with something in the buffer
//!    nobody waits in `recvq`. A rendezvous channel has a buffer of 0.
//! 3. Once `closed`, nobody waits, and the buffer only shrinks.
//! 4. `recv_hint` is false only if the buffer is empty, no sender waits and the
//!    channel is open; written under the lock, read without it.
//!
//! A sender that finds a parked receiver writes the value straight to the
//! receiver's stack; a receiver that finds the buffer full takes its head and moves
//! the first parked sender's value to the tail, so the order is first in, first out
//! over buffer and queue.
//!
//! Waiters are woken after the lock is released. That is safe for the record (it is
//! alive until the wake-up) and for the channel: whoever calls holds a handle to it.
//!
//! # Orderings
//! Everything is under the lock, but `recv_hint`: a release store, read by an acquire
//! load in `try_recv`. A poll that reads an old `false` is ordered before the send
//! that would make it `true`; a poll that *follows* such a send, in the same goroutine
//! or by any synchronisation, sees it.

use crate::sudog::{Sudog, WaitQueue, wake};
use gort_runtime::{RawLock, Waiter};
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};

/// One channel.
pub(crate) struct Hchan<T> {
    lock: RawLock,
    recv_hint: AtomicBool,
    /// Most values in the buffer; `usize::MAX` for an unbounded channel.
    cap: usize,
    state: UnsafeCell<State<T>>,
}

/// What the lock protects.
pub(crate) struct State<T> {
    buf: VecDeque<T>,
    pub(crate) closed: bool,
    recvq: WaitQueue,
    sendq: WaitQueue,
}

// SAFETY: the state, and with it the records and values that it points to, is
// reached only under the lock; values are moved between threads, never shared.
unsafe impl<T: Send> Send for Hchan<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Hchan<T> {}

/// What an operation came to, tried under the lock.
#[derive(Debug)]
pub(crate) enum Tried {
    /// Done; somebody else may have to be woken after unlocking.
    Done(Option<Waiter>),
    /// The channel is closed (and drained, for a receive).
    Closed,
    /// Would wait.
    NotReady,
}

impl<T> Hchan<T> {
    pub(crate) fn bounded(cap: usize) -> Self {
        let mut buf = VecDeque::new();
        // Without room for `cap` values now, sends would fail later, when nobody expects it.
        if buf.try_reserve_exact(cap).is_err() {
            panic!("channel of capacity {cap}: size out of range");
        }
        Self::with_buffer(buf, cap)
    }

    pub(crate) fn unbounded() -> Self {
        Self::with_buffer(VecDeque::new(), usize::MAX)
    }

    fn with_buffer(buf: VecDeque<T>, cap: usize) -> Self {
        Self {
            lock: RawLock::new(),
            recv_hint: AtomicBool::new(false),
            cap,
            state: UnsafeCell::new(State {
                buf,
                closed: false,
                recvq: WaitQueue::new(),
                sendq: WaitQueue::new(),
            }),
        }
    }

    pub(crate) fn raw_lock(&self) -> &RawLock {
        &self.lock
    }

    /// The capacity; `None` for an unbounded channel.
    pub(crate) fn capacity(&self) -> Option<usize> {
        (self.cap != usize::MAX).then_some(self.cap)
    }

    /// Without the lock: false if a receive would have waited at some moment
    /// during the call (invariant 4).
    #[inline]
    pub(crate) fn recv_hint(&self) -> bool {
        self.recv_hint.load(Acquire)
    }

    /// Runs `f` under the lock.
    pub(crate) fn locked<R>(&self, f: impl FnOnce(&mut State<T>) -> R) -> R {
        self.lock.lock();
        // SAFETY: we hold the lock.
        let result = f(unsafe { &mut *self.state.get() });
        // SAFETY: taken above; `f` does not unwind (it runs no user code).
        unsafe { self.lock.unlock() };
        result
    }

    /// The state.
    ///
    /// # Safety
    /// The caller holds the lock, and no other reference to the state.
    #[expect(
        clippy::mut_from_ref,
        reason = "the lock, which the caller holds, is what excludes others"
    )]
    unsafe fn state(&self) -> &mut State<T> {
        // SAFETY: caller's clause.
        unsafe { &mut *self.state.get() }
    }

    fn publish_hint(&self, state: &State<T>) {
        let hint = !state.buf.is_empty() || state.closed || !state.sendq.is_empty();
        self.recv_hint.store(hint, Release);
    }

    /// Tries to send the value at `elem`; moves out of it only if the answer is `Done`.
    ///
    /// # Safety
    /// The caller holds the lock; `elem` points to a value that is the caller's to move.
    #[inline]
    pub(crate) unsafe fn try_send_locked(&self, elem: *mut T) -> Tried {
        // SAFETY: caller's clause.
        let state = unsafe { self.state() };
        if state.closed {
            return Tried::Closed;
        }
        // SAFETY: we hold the lock, and pass the waiter on to be woken.
        if let Some(sg) = unsafe { state.recvq.dequeue() } {
            // SAFETY: a receiver's `elem` is a place for a `T` on its stack, which it
            // does not touch before it is woken; the value moves once.
            unsafe { sg.elem.get().cast::<T>().copy_from_nonoverlapping(elem, 1) };
            sg.success.set(true);
            return Tried::Done(sg.waiter.get());
        }
        if state.buf.len() < self.cap {
            // SAFETY: caller's clause: the value is ours to move.
            state.buf.push_back(unsafe { elem.read() });
            self.publish_hint(state);
            return Tried::Done(None);
        }
        Tried::NotReady
    }

    /// Tries to receive into `elem`, which is initialised only if the answer is `Done`.
    ///
    /// # Safety
    /// The caller holds the lock; `elem` is a place for a `T`.
    #[inline]
    pub(crate) unsafe fn try_recv_locked(&self, elem: *mut T) -> Tried {
        // SAFETY: caller's clause.
        let state = unsafe { self.state() };
        if let Some(value) = state.buf.pop_front() {
            // SAFETY: caller's clause.
            unsafe { elem.write(value) };
            // SAFETY: we hold the lock, and pass the waiter on to be woken.
            let waiter = unsafe { state.sendq.dequeue() }.and_then(|sg| {
                // The buffer was full: the first parked sender's value goes to its tail.
                // SAFETY: a sender's `elem` is its value, ours to move as it is won.
                state
                    .buf
                    .push_back(unsafe { sg.elem.get().cast::<T>().read() });
                sg.success.set(true);
                sg.waiter.get()
            });
            self.publish_hint(state);
            return Tried::Done(waiter);
        }
        // SAFETY: we hold the lock, and pass the waiter on to be woken.
        if let Some(sg) = unsafe { state.sendq.dequeue() } {
            // SAFETY: both places are as the caller and the sender promise.
            unsafe { elem.copy_from_nonoverlapping(sg.elem.get().cast::<T>(), 1) };
            sg.success.set(true);
            let waiter = sg.waiter.get();
            self.publish_hint(state);
            return Tried::Done(waiter);
        }
        self.publish_hint(state);
        if state.closed {
            Tried::Closed
        } else {
            Tried::NotReady
        }
    }

    /// # Safety
    /// The caller holds the lock; the record stays until it has been taken out.
    pub(crate) unsafe fn enqueue_receiver(&self, sg: &Sudog) {
        // SAFETY: caller's clauses.
        unsafe { self.state().recvq.push_back(sg) };
    }

    /// # Safety
    /// The caller holds the lock; the record stays until it has been taken out.
    pub(crate) unsafe fn enqueue_sender(&self, sg: &Sudog) {
        // SAFETY: caller's clauses.
        unsafe {
            let state = self.state();
            state.sendq.push_back(sg);
            self.publish_hint(state);
        }
    }

    /// # Safety
    /// The caller holds the lock; the record is among the receivers or in no queue.
    pub(crate) unsafe fn dequeue_receiver(&self, sg: &Sudog) {
        // SAFETY: caller's clauses.
        unsafe { self.state().recvq.remove(sg) };
    }

    /// # Safety
    /// The caller holds the lock; the record is among the senders or in no queue.
    pub(crate) unsafe fn dequeue_sender(&self, sg: &Sudog) {
        // SAFETY: caller's clauses.
        unsafe {
            let state = self.state();
            state.sendq.remove(sg);
            self.publish_hint(state);
        }
    }

    /// Closes the channel: everyone who waits is woken without success. False if it
    /// was closed before.
    pub(crate) fn close(&self) -> bool {
        self.close_and_take(|_| ())
    }

    /// The last receiver is gone: closes the channel and drops what is buffered.
    pub(crate) fn close_and_drain(&self) {
        let mut left = VecDeque::new();
        self.close_and_take(|state| left = std::mem::take(&mut state.buf));
        // Destructors are user code: they run without the lock.
        drop(left);
    }

    fn close_and_take(&self, take: impl FnOnce(&mut State<T>)) -> bool {
        // The woken are chained here, so that they can be woken without the lock;
        // a record is its waker's from the moment it is dequeued.
        let woken = WaitQueue::new();
        let first = self.locked(|state| {
            let first = !state.closed;
            state.closed = true;
            take(state);
            // SAFETY: we hold the lock; each record is moved to `woken`, which only
            // we know, and woken from there.
            unsafe {
                while let Some(sg) = state.recvq.dequeue() {
                    sg.success.set(false);
                    woken.push_back(sg);
                }
                while let Some(sg) = state.sendq.dequeue() {
                    sg.success.set(false);
                    woken.push_back(sg);
                }
            }
            self.publish_hint(state);
            first
        });
        // SAFETY: the records were won above; each is unlinked before its waiter wakes.
        unsafe {
            while let Some(sg) = woken.front() {
                woken.remove(sg);
                wake(sg);
            }
        }
        first
    }

    pub(crate) fn len(&self) -> usize {
        self.locked(|state| state.buf.len())
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

/// A place for a value that is on its way.
pub(crate) type Slot<T> = UnsafeCell<MaybeUninit<T>>;
