//! The state that the handles and permits of one semaphore share, and when it is freed.
//!
//! The word holds the available permits, in units of `ONE`, and three flags:
//!
//! | flag | meaning | set | cleared |
//! |---|---|---|---|
//! | `QUEUED` | only the holder of the lock may change the word | under the lock | under the lock |
//! | `CLOSED` | no permit is given out any more | under the lock | never |
//! | `ORPHANED` | no handle is left | under the lock, with `QUEUED` off | never |
//!
//! # Invariants
//! 1. While `QUEUED` is set, only the holder of the lock changes the word. So a thread that holds
//!    the lock and has set the flag (`freeze`) may take its time to compute a new word, and write
//!    it with a plain store.
//! 2. Between two critical sections `QUEUED` is set if the queue has a waiter that could be served
//!    one day (it asks for no more than `total`). It may also be set without such a waiter: after a
//!    select has polled and then chosen another arm, or after an attempt that was refused without
//!    waiting. The next thread that takes permits or serves waiters under the lock clears it.
//! 3. The first such waiter asks for more permits than are available, otherwise it would have been
//!    served.
//! 4. Available permits + permits that are out = `total`. Permits that are out are in `Permit`s.
//! 5. A `Sema` is freed when no handle is left and no permit is out. Permits are not counted as
//!    references; invariant 4 tells whether some are out. So acquiring and giving back are one
//!    read-modify-write each. Hence a `Permit` for 0 keeps nothing alive, and must not use its
//!    pointer.
//!
//! # Why no wake-up is lost
//! A waiter freezes the word, sees too few permits, enters the queue, and releases the lock when it
//! is parked. If a giver gives its permits back before the word is frozen, the waiter sees them.
//! Otherwise the giver meets `QUEUED`, takes the lock after the waiter has parked, and finds the
//! waiter in the queue.
//!
//! # Why no freed memory is used
//! A giver's permits are out until its compare-and-swap; after that the giver touches nothing. On
//! the slow path it gives back under the lock, and only after it has seen under the lock that
//! `ORPHANED` is not set. That flag is set under the lock, so the memory can be freed only after
//! the giver has released the lock. The thread that sets `ORPHANED` creates a permit for itself and
//! holds it until it has released the lock. From then on `total` does not change, and the thread
//! that makes the number of available permits equal to `total` is the last one.

use crate::prim::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use crate::spin::Contest;
use crate::sudog::Sudog;
use crate::waitlock::{Held, WaitLock};
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::Home;
use std::process;
use std::ptr::{self, NonNull};

const QUEUED: usize = 1;
const CLOSED: usize = 2;
const ORPHANED: usize = 4;
const FLAGS: usize = QUEUED | CLOSED | ORPHANED;
const ONE: usize = 8;

/// Maximum number of permits. One unit is reserved for the last handle.
pub(super) const MAX: usize = usize::MAX / ONE - 1;

fn permits(word: usize) -> usize {
    word / ONE
}

/// Why a caller gets no permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too few permits are available, or another request waits.
    NotNow,
    Timeout,
    Closed,
}

pub(super) struct Sema {
    word: AtomicUsize,
    handles: AtomicUsize,
    state: WaitLock<SemaState>,
}

/// What the lock protects.
pub(super) struct SemaState {
    /// The `elem` of a record is the number of permits that its waiter asks for.
    queue: WaitQueue,
    /// The number of permits, available and out.
    total: usize,
}

impl Sema {
    /// Creates a semaphore with one handle.
    pub(super) fn new(n: usize) -> NonNull<Self> {
        assert!(n <= MAX, "semaphore of {n} permits: size out of range");
        NonNull::from(Box::leak(Box::new(Self {
            word: AtomicUsize::new(n * ONE),
            handles: AtomicUsize::new(1),
            state: WaitLock::new(
                Home::here(),
                SemaState {
                    queue: WaitQueue::new(),
                    total: n,
                },
            ),
        })))
    }

    /// Counts one more handle, made from one that exists.
    pub(super) fn another_handle(&self) {
        // The count overflows only if handles are forgotten in an endless loop. `Arc` aborts as
        // well.
        if self.handles.fetch_add(1, Relaxed) > isize::MAX as usize {
            process::abort();
        }
    }

    /// Counts one handle less. The last one arranges that the semaphore is freed once no permit is
    /// out.
    ///
    /// # Safety
    /// The handle was counted, and is not used afterwards.
    pub(super) unsafe fn handle_gone(this: NonNull<Self>) {
        // SAFETY: the caller guarantees that the handle was counted, so the semaphore exists.
        let sema = unsafe { this.as_ref() };
        if sema.handles.fetch_sub(1, AcqRel) != 1 {
            return;
        }
        let mut state = sema.state.lock();
        let word = sema.freeze();
        // The permit created here keeps the memory alive until it is given back below, after the
        // lock is released. No waiter is left, since waiters have handles.
        state.total += 1;
        sema.word.store((word & !QUEUED) | ORPHANED, Release);
        drop(state);
        // SAFETY: the permit was created above, is out, and is used only here. We have set
        // `ORPHANED`.
        unsafe { Self::give_back_orphaned(this, 1) };
    }

    /// Takes `n` permits if they are available and no request waits.
    #[inline]
    pub(super) fn try_take(&self, n: usize) -> bool {
        let contest = Contest::new();
        let mut word = self.word.load(Relaxed);
        while word & FLAGS == 0 && permits(word) >= n {
            let taken = self
                .word
                .compare_exchange_weak(word, word - n * ONE, Acquire, Relaxed);
            if taken.is_ok() {
                return true;
            }
            contest.lost(&self.word);
            word = self.word.load(Relaxed);
        }
        false
    }

    /// Like [`try_take`](Self::try_take), but says why it failed.
    #[inline]
    pub(super) fn try_acquire(&self, n: usize) -> Result<(), Refused> {
        if self.try_take(n) {
            return Ok(());
        }
        let word = self.word.load(Relaxed);
        if permits(word) < n && word & CLOSED == 0 {
            return Err(Refused::NotNow);
        }
        self.try_locked(&self.state.lock(), n)
    }

    /// Gives back `n` permits.
    ///
    /// # Safety
    /// The permits are out, and `n` is not 0. The permits are used up: nothing else gives them back
    /// or forgets them.
    #[inline]
    pub(super) unsafe fn give_back(this: NonNull<Self>, n: usize) {
        // SAFETY: the caller guarantees that permits are out. While they are, the semaphore exists
        // (invariant 5).
        let word = unsafe { &this.as_ref().word };
        let mut seen = word.load(Relaxed);
        while seen & (QUEUED | ORPHANED) == 0 {
            match word.compare_exchange_weak(seen, seen + n * ONE, Release, Relaxed) {
                // `word` must not be touched below: the semaphore may have been freed.
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
        // SAFETY: the caller guarantees that the permits, at least one, are out, and that it does
        // not use them after this. No attempt above has given them back.
        unsafe { Self::give_back_slow(this, n) };
    }

    /// Gives back `n` permits under the lock.
    ///
    /// # Safety
    /// The requirements are those of [`give_back`](Self::give_back).
    #[cold]
    unsafe fn give_back_slow(this: NonNull<Self>, n: usize) {
        // SAFETY: the caller guarantees that permits are out. They are out until they are given
        // back, under the lock or by `give_back_orphaned`, and the semaphore exists until then. For
        // the release of the lock, see "Why no freed memory is used" in the header.
        let sema = unsafe { this.as_ref() };
        let state = sema.state.lock();
        if sema.word.load(Acquire) & ORPHANED != 0 {
            drop(state);
            // SAFETY: the caller guarantees that the permits, at least one, are out, and that it
            // does not use them after this. We have seen `ORPHANED`.
            return unsafe { Self::give_back_orphaned(this, n) };
        }
        // `sema` is not touched after this call: the semaphore may have been freed.
        sema.serve_and_wake(state, n);
    }

    /// Gives back `n` permits of a semaphore without handles, and frees it if no permit is out any
    /// more.
    ///
    /// # Safety
    /// The requirements are those of [`give_back`](Self::give_back). In addition, the caller has
    /// seen (or set) `ORPHANED`.
    #[cold]
    unsafe fn give_back_orphaned(this: NonNull<Self>, n: usize) {
        // SAFETY: the caller guarantees that permits are out, so the semaphore exists. `total` is
        // read without the lock: the caller has seen `ORPHANED`, which was set after the last
        // change of `total`.
        let (word, total) = unsafe {
            let sema = this.as_ref();
            (&sema.word, sema.state.with(|state| (*state).total))
        };
        let mut seen = word.load(Relaxed);
        loop {
            match word.compare_exchange_weak(seen, seen + n * ONE, AcqRel, Relaxed) {
                Ok(_) if permits(seen) + n == total => {
                    // SAFETY: `new` made this as a `Box`. No handle is left (`ORPHANED`), and no
                    // permit is out, since all of `total` are available. So no other thread has a
                    // pointer to it, and only the thread that gives back the last permit frees it.
                    // The last uses by other threads, their compare-and-swaps, come before ours,
                    // which acquires.
                    return drop(unsafe { Box::from_raw(this.as_ptr()) });
                }
                // `word` must not be touched below: the semaphore may have been freed.
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// Removes from the semaphore `n` permits that are out: they will never be given back.
    ///
    /// # Safety
    /// The requirements are those of [`give_back`](Self::give_back).
    pub(super) unsafe fn forget(this: NonNull<Self>, n: usize) {
        // SAFETY: the caller guarantees that permits are out. They are out until `total` is
        // changed, under the lock, and the semaphore exists until then. For the release of the
        // lock, see "Why no freed memory is used" in the header.
        let sema = unsafe { this.as_ref() };
        let mut state = sema.state.lock();
        if sema.word.load(Acquire) & ORPHANED != 0 {
            // No caller can acquire permits any more, and `total` must not change.
            drop(state);
            // SAFETY: the caller guarantees that the permits, at least one, are out, and that it
            // does not use them after this. We have seen `ORPHANED`.
            return unsafe { Self::give_back_orphaned(this, n) };
        }
        state.total -= n;
        // The first waiter may now ask for more than `total`, and then holds up no other one.
        // `sema` is not touched after this call: the semaphore may have been freed.
        sema.serve_and_wake(state, 0);
    }

    /// Creates `n` new permits. Returns false if there would be too many.
    pub(super) fn add(&self, n: usize) -> bool {
        let mut state = self.state.lock();
        let fits = n <= MAX - state.total;
        if fits {
            state.total += n;
            self.serve_and_wake(state, n);
        }
        fits
    }

    /// Removes up to `n` of the available permits, and returns their number.
    pub(super) fn take_away(&self, n: usize) -> usize {
        let mut state = self.state.lock();
        let word = self.freeze();
        let n = n.min(permits(word));
        // The word is frozen, so it is ours to change (invariant 1).
        self.word.store(word - n * ONE, Release);
        state.total -= n;
        // The first waiter may now ask for more than `total`, and then holds up no other one.
        self.serve_and_wake(state, 0);
        n
    }

    /// Closes the semaphore: no permit is given out any more, and all waiters are refused.
    pub(super) fn close(&self) {
        let woken = Wakes::new();
        {
            let mut state = self.state.lock();
            let word = self.freeze();
            state.queue.take_all(&woken);
            self.word.store((word & !QUEUED) | CLOSED, Release);
        }
        woken.wake_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.word.load(Relaxed) & CLOSED != 0
    }

    pub(super) fn available(&self) -> usize {
        permits(self.word.load(Relaxed))
    }

    /// Returns the lock and what it protects.
    pub(super) fn state(&self) -> &WaitLock<SemaState> {
        &self.state
    }

    /// Gives the caller the exclusive right to change the word (invariant 1), and returns the word.
    /// Called under the lock.
    fn freeze(&self) -> usize {
        let word = self.word.load(Acquire);
        if word & QUEUED != 0 {
            return word;
        }
        self.word.fetch_or(QUEUED, AcqRel) | QUEUED
    }

    /// Takes `n` permits if they are available and no waiter comes first (a waiter that asks for
    /// more than `total` does not). If the result is `NotNow` the word stays frozen, so that the
    /// caller may enter the queue under the same lock.
    pub(super) fn try_locked(&self, state: &SemaState, n: usize) -> Result<(), Refused> {
        let word = self.freeze();
        if state.next().is_none() && (word & CLOSED != 0 || permits(word) >= n) {
            let closed = word & CLOSED != 0;
            let taken = if closed { 0 } else { n * ONE };
            self.word.store((word & !QUEUED) - taken, Release);
            return if closed { Err(Refused::Closed) } else { Ok(()) };
        }
        Err(Refused::NotNow)
    }

    /// Gives `more` permits and those that are available to the first waiters, for as long as they
    /// suffice. Waiters that are served are moved to `woken`, to be woken after the lock is
    /// released.
    pub(super) fn serve(&self, state: &mut SemaState, more: usize, woken: &Wakes) {
        let word = self.freeze();
        let mut left = permits(word) + more;
        let total = state.total;
        let blocked = loop {
            let Some(first) = state.next().map(asked) else {
                break false;
            };
            if first > left {
                break true;
            }
            if let Some(won) = state.queue.take_first(|sg| asked(sg) <= total) {
                left -= first;
                won.record().success.set(true);
                woken.push(won);
            }
        };
        let flags = word & CLOSED | if blocked { QUEUED } else { 0 };
        self.word.store((left * ONE) | flags, Release);
    }

    /// Does what [`serve`](Self::serve) does, and wakes the waiters that were served. The semaphore
    /// may have been freed afterwards.
    pub(super) fn serve_and_wake(&self, mut state: Held<'_, SemaState>, more: usize) {
        let woken = Wakes::new();
        self.serve(&mut state, more, &woken);
        drop(state);
        woken.wake_all();
    }
}

impl SemaState {
    /// Returns the queue, for callers that have been refused under the same lock.
    pub(super) fn queue(&mut self) -> &mut WaitQueue {
        &mut self.queue
    }

    /// Returns the first waiter that does not ask for more than `total`.
    fn next(&self) -> Option<&Sudog> {
        self.queue.iter().find(|sg| asked(sg) <= self.total)
    }
}

impl Drop for Sema {
    fn drop(&mut self) {
        debug_assert!(
            self.state.get_mut().queue.is_empty(),
            "waiters have handles"
        );
    }
}

/// Returns the `elem` of a record whose waiter asks for `n` permits.
pub(super) fn asks(n: usize) -> *mut () {
    ptr::without_provenance_mut(n)
}

fn asked(sg: &Sudog) -> usize {
    sg.elem.get().addr()
}
