//! What the handles and permits of one semaphore share: the word, the queue, its end.
//!
//! The word holds the permits that are there, in units of `ONE`, and three flags:
//!
//! | flag | meaning | set | cleared |
//! |---|---|---|---|
//! | `QUEUED` | look under the lock | under the lock | under the lock |
//! | `CLOSED` | nobody gets a permit any more | under the lock | never |
//! | `ORPHANED` | no handle is left | under the lock, with `QUEUED` off | never |
//!
//! # Invariants
//! 1. While `QUEUED` is set only the holder of the lock changes the word. So whoever holds
//!    the lock and has set the flag (`freeze`) may compute at leisure and end with a plain store.
//! 2. Between two holders of the lock `QUEUED` is set if the queue has a waiter that could
//!    be served one day (it asks for no more than `total`). It may also be set without such
//!    a waiter: a select has looked and gone elsewhere. The next holder clears it.
//! 3. The first such waiter asks for more than there is, or it would have been served.
//! 4. Permits there + permits out = `total`. Permits are out in `Permit`s.
//! 5. Memory: a `Sema` is freed when no handle is left and no permit is out. Permits are not
//!    counted beside invariant 4, so taking and giving back are one read-modify-write each.
//!    Hence a `Permit` for 0 keeps nothing, and must not look at its pointer.
//!
//! # Why no wake-up is lost
//! A waiter freezes the word, sees too few permits, enters the queue, and lets go of the lock
//! when it is parked. Whoever gives back does so either before the word was frozen, and
//! the waiter sees the permits; or meets `QUEUED`, takes the lock after the waiter has
//! parked, and finds it in the queue.
//!
//! # Why nobody uses freed memory
//! A giver's permits are out until its compare-and-swap; after it the giver touches nothing. On
//! the slow path it gives back under the lock, and only after having seen under it that `ORPHANED`
//! is not set; that flag is set under the lock, so the end can only come after the
//! unlocking. The one who sets `ORPHANED` holds a permit made for the purpose until it
//! has let go of the lock. From then on `total` stands still, and whoever brings the word
//! to `total` is the last.

use crate::prim::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
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

/// Most permits of a semaphore; one more stands for the last handle.
pub(super) const MAX: usize = usize::MAX / ONE - 1;

fn permits(word: usize) -> usize {
    word / ONE
}

/// Why there are no permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too few are there, or somebody waits.
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
    /// A record's `elem` is the number of permits that its waiter asks for.
    queue: WaitQueue,
    /// Permits there and out.
    total: usize,
}

impl Sema {
    /// A semaphore with one handle.
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

    /// One more handle, made from one that exists.
    pub(super) fn another_handle(&self) {
        // Only forgetting handles without end overflows; as `Arc` does.
        if self.handles.fetch_add(1, Relaxed) > isize::MAX as usize {
            process::abort();
        }
    }

    /// A handle goes.
    ///
    /// # Safety
    /// It was counted, and is not used afterwards.
    pub(super) unsafe fn handle_gone(this: NonNull<Self>) {
        // SAFETY: caller's clause: the handle was counted, and with a handle the semaphore is there.
        let sema = unsafe { this.as_ref() };
        if sema.handles.fetch_sub(1, AcqRel) != 1 {
            return;
        }
        let mut state = sema.state.lock();
        let word = sema.freeze();
        // The permit made here keeps the memory until it is given back below, outside the lock.
        // Nobody waits: waiters have handles.
        state.total += 1;
        sema.word.store((word & !QUEUED) | ORPHANED, Release);
        drop(state);
        // SAFETY: the permit was made above and is out, and is used no more; we have set `ORPHANED`.
        unsafe { Self::give_back_orphaned(this, 1) };
    }

    /// Takes `n` permits if they are there and nobody waits.
    #[inline]
    pub(super) fn try_take(&self, n: usize) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & FLAGS == 0 && permits(word) >= n {
            match self
                .word
                .compare_exchange_weak(word, word - n * ONE, Acquire, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// As [`try_take`](Self::try_take), and says why not.
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
    /// They are out, `n` is not 0, and they are used up: nobody else gives them back or forgets them.
    #[inline]
    pub(super) unsafe fn give_back(this: NonNull<Self>, n: usize) {
        // SAFETY: caller's clause: permits are out; while they are the semaphore is there (invariant 5).
        let word = unsafe { &this.as_ref().word };
        let mut seen = word.load(Relaxed);
        while seen & (QUEUED | ORPHANED) == 0 {
            match word.compare_exchange_weak(seen, seen + n * ONE, Release, Relaxed) {
                // `word` must not be touched below: the semaphore may be gone.
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
        // SAFETY: caller's clauses: the permits are out, at least one, and used up here; no attempt above has
        // given them back.
        unsafe { Self::give_back_slow(this, n) };
    }

    /// # Safety
    /// As for [`give_back`](Self::give_back).
    #[cold]
    unsafe fn give_back_slow(this: NonNull<Self>, n: usize) {
        // SAFETY: caller's clause: permits are out. They are until they are given back, under the lock or by
        // `give_back_orphaned`, and so long the semaphore is there; as for the unlocking, see "freed
        // memory" in the header.
        let sema = unsafe { this.as_ref() };
        let state = sema.state.lock();
        if sema.word.load(Acquire) & ORPHANED != 0 {
            drop(state);
            // SAFETY: caller's clauses: the permits are out, at least one, and used up here. We have seen
            // `ORPHANED`.
            return unsafe { Self::give_back_orphaned(this, n) };
        }
        // `sema` is not touched after that: the semaphore may be gone.
        sema.serve_and_wake(state, n);
    }

    /// # Safety
    /// As for [`give_back`](Self::give_back), and the caller has seen (or set) `ORPHANED`.
    #[cold]
    unsafe fn give_back_orphaned(this: NonNull<Self>, n: usize) {
        // SAFETY: caller's clause: permits are out, so the semaphore is there. `total` is read without the lock:
        // caller's clause: `ORPHANED` is set, and was seen; it was set after the last change of `total`.
        let (word, total) = unsafe {
            let sema = this.as_ref();
            (&sema.word, sema.state.with(|state| (*state).total))
        };
        let mut seen = word.load(Relaxed);
        loop {
            match word.compare_exchange_weak(seen, seen + n * ONE, AcqRel, Relaxed) {
                Ok(_) if permits(seen) + n == total => {
                    // SAFETY: made by `new` as a `Box`. No handle is left (`ORPHANED`), and no permit, as all
                    // of `total` are there; so nobody knows of it, and only who brings them all frees it. The
                    // others' last uses, their compare-and-swaps, come before ours, which acquires.
                    return drop(unsafe { Box::from_raw(this.as_ptr()) });
                }
                // `word` must not be touched below: the semaphore may be gone.
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// Permits that are out will never come back.
    ///
    /// # Safety
    /// As for [`give_back`](Self::give_back).
    pub(super) unsafe fn forget(this: NonNull<Self>, n: usize) {
        // SAFETY: caller's clause: permits are out. They are until `total` says otherwise, under the lock, and so
        // long the semaphore is there; as for the unlocking, see "freed memory" in the header.
        let sema = unsafe { this.as_ref() };
        let mut state = sema.state.lock();
        if sema.word.load(Acquire) & ORPHANED != 0 {
            // Nobody can want them, and `total` stands still.
            drop(state);
            // SAFETY: caller's clauses: the permits are out, at least one, and used up here. We have seen
            // `ORPHANED`.
            return unsafe { Self::give_back_orphaned(this, n) };
        }
        state.total -= n;
        // The first in the queue may now ask for more than there is, and hold up nobody.
        // `sema` is not touched after that: the semaphore may be gone.
        sema.serve_and_wake(state, 0);
    }

    /// Makes `n` new permits; false if there would be too many.
    pub(super) fn add(&self, n: usize) -> bool {
        let mut state = self.state.lock();
        let fits = n <= MAX - state.total;
        if fits {
            state.total += n;
            self.serve_and_wake(state, n);
        }
        fits
    }

    /// Takes away up to `n` of the permits that are there, and says how many.
    pub(super) fn take_away(&self, n: usize) -> usize {
        let mut state = self.state.lock();
        let word = self.freeze();
        let n = n.min(permits(word));
        // Frozen, so it is ours to change (invariant 1).
        self.word.store(word - n * ONE, Release);
        state.total -= n;
        // The first in the queue may now ask for more than there is, and hold up nobody.
        self.serve_and_wake(state, 0);
        n
    }

    /// Nobody gets a permit any more; who waits is refused.
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

    /// The lock and what it protects.
    pub(super) fn state(&self) -> &WaitLock<SemaState> {
        &self.state
    }

    /// Under the lock: makes the word the caller's, and gives it (invariant 1).
    fn freeze(&self) -> usize {
        let word = self.word.load(Acquire);
        if word & QUEUED != 0 {
            return word;
        }
        self.word.fetch_or(QUEUED, AcqRel) | QUEUED
    }

    /// Takes `n` permits if they are there and nobody waits who could be served.
    /// Otherwise the word stays frozen, so that the caller may enter the queue under the same lock.
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

    /// Gives `more` permits and those that are there to the first in the queue, as far as
    /// they go; the served are taken out into `woken`, to be woken without the lock.
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

    /// [`serve`](Self::serve), and wakes the served. After that the semaphore may be gone.
    pub(super) fn serve_and_wake(&self, mut state: Held<'_, SemaState>, more: usize) {
        let woken = Wakes::new();
        self.serve(&mut state, more, &woken);
        drop(state);
        woken.wake_all();
    }
}

impl SemaState {
    /// The queue, for those who have been refused under the same lock.
    pub(super) fn queue(&mut self) -> &mut WaitQueue {
        &mut self.queue
    }

    /// The first waiter that could be served one day; whoever asks for more is passed over.
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

/// The `elem` of a record whose waiter asks for `n` permits.
pub(super) fn asks(n: usize) -> *mut () {
    ptr::without_provenance_mut(n)
}

fn asked(sg: &Sudog) -> usize {
    sg.elem.get().addr()
}
