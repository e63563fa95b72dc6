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
    AtomicUsize, DataCell,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use crate::sudog::{Sudog, WaitQueue};
use gort_runtime::RawLock;
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
    lock: RawLock,
    state: DataCell<State>,
}

/// What the lock protects.
struct State {
    /// A record's `elem` is the number of permits that its waiter asks for.
    queue: WaitQueue,
    /// Permits there and out.
    total: usize,
}

// SAFETY: the state is reached under the lock (`total` also after it has come to rest).
unsafe impl Send for Sema {}
// SAFETY: as above.
unsafe impl Sync for Sema {}

impl Sema {
    /// A semaphore with one handle.
    pub(super) fn new(n: usize) -> NonNull<Self> {
        assert!(n <= MAX, "semaphore of {n} permits: size out of range");
        NonNull::from(Box::leak(Box::new(Self {
            word: AtomicUsize::new(n * ONE),
            handles: AtomicUsize::new(1),
            lock: RawLock::new(),
            state: DataCell::new(State {
                queue: WaitQueue::new(),
                total: n,
            }),
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
        // SAFETY: caller's clause.
        let sema = unsafe { this.as_ref() };
        if sema.handles.fetch_sub(1, AcqRel) != 1 {
            return;
        }
        sema.lock.lock();
        let word = sema.freeze();
        // SAFETY: we hold the lock. The permit made here keeps the memory until it is given
        // back below, outside the lock. Nobody waits: waiters have handles.
        unsafe {
            sema.state().total += 1;
            sema.word.store((word & !QUEUED) | ORPHANED, Release);
            sema.lock.unlock();
            Self::give_back_orphaned(this, 1);
        }
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
        self.lock.lock();
        // SAFETY: taken above.
        unsafe {
            let tried = self.try_locked(n);
            self.lock.unlock();
            tried
        }
    }

    /// Gives back `n` permits.
    ///
    /// # Safety
    /// They are out, `n` is not 0, and `this` is not used for them afterwards.
    #[inline]
    pub(super) unsafe fn give_back(this: NonNull<Self>, n: usize) {
        // SAFETY: permits are out (invariant 5).
        let word = unsafe { &this.as_ref().word };
        let mut seen = word.load(Relaxed);
        while seen & (QUEUED | ORPHANED) == 0 {
            match word.compare_exchange_weak(seen, seen + n * ONE, Release, Relaxed) {
                // `word` must not be touched below: the semaphore may be gone.
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
        // SAFETY: caller's clause.
        unsafe { Self::give_back_slow(this, n) };
    }

    /// # Safety
    /// As for [`give_back`](Self::give_back).
    #[cold]
    unsafe fn give_back_slow(this: NonNull<Self>, n: usize) {
        let woken = WaitQueue::new();
        // SAFETY: permits are out until they are given back, under the lock or by
        // `give_back_orphaned`; see "freed memory" in the header.
        unsafe {
            let sema = this.as_ref();
            sema.lock.lock();
            if sema.word.load(Acquire) & ORPHANED != 0 {
                sema.lock.unlock();
                return Self::give_back_orphaned(this, n);
            }
            sema.serve(n, &woken);
            sema.lock.unlock();
            // `sema` must not be touched below: the semaphore may be gone.
            woken.wake_all();
        }
    }

    /// # Safety
    /// As for [`give_back`](Self::give_back), and the caller has seen (or set) `ORPHANED`.
    #[cold]
    unsafe fn give_back_orphaned(this: NonNull<Self>, n: usize) {
        // SAFETY: permits are out. `total` has come to rest before the flag was set.
        let (word, total) = unsafe {
            let sema = this.as_ref();
            (&sema.word, sema.state.with(|state| (*state).total))
        };
        let mut seen = word.load(Relaxed);
        loop {
            match word.compare_exchange_weak(seen, seen + n * ONE, AcqRel, Relaxed) {
                Ok(_) if permits(seen) + n == total => {
                    // SAFETY: no handle, no permit is left, so nobody knows of it; the others'
                    // compare-and-swaps come before ours.
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
        let woken = WaitQueue::new();
        // SAFETY: the permits are out until `total` says otherwise, under the lock; see
        // "freed memory" in the header.
        unsafe {
            let sema = this.as_ref();
            sema.lock.lock();
            if sema.word.load(Acquire) & ORPHANED != 0 {
                // Nobody can want them, and `total` stands still.
                sema.lock.unlock();
                return Self::give_back_orphaned(this, n);
            }
            sema.state().total -= n;
            // The first in the queue may now ask for more than there is, and hold up nobody.
            sema.serve(0, &woken);
            sema.lock.unlock();
            // `sema` must not be touched below: the semaphore may be gone.
            woken.wake_all();
        }
    }

    /// Makes `n` new permits; false if there would be too many.
    pub(super) fn add(&self, n: usize) -> bool {
        let woken = WaitQueue::new();
        self.lock.lock();
        // SAFETY: taken above; the woken are ours to wake.
        unsafe {
            let state = self.state();
            let fits = n <= MAX - state.total;
            if fits {
                state.total += n;
                self.serve(n, &woken);
            }
            self.lock.unlock();
            woken.wake_all();
            fits
        }
    }

    /// Nobody gets a permit any more; who waits is refused.
    pub(super) fn close(&self) {
        let woken = WaitQueue::new();
        self.lock.lock();
        let word = self.freeze();
        // SAFETY: taken above; the woken are ours to wake.
        unsafe {
            self.state().queue.take_all(&woken);
            self.word.store((word & !QUEUED) | CLOSED, Release);
            self.lock.unlock();
            woken.wake_all();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.word.load(Relaxed) & CLOSED != 0
    }

    pub(super) fn available(&self) -> usize {
        permits(self.word.load(Relaxed))
    }

    pub(super) fn raw_lock(&self) -> &RawLock {
        &self.lock
    }

    /// # Safety
    /// The caller holds the lock, and no other reference to the state.
    #[expect(
        clippy::mut_from_ref,
        reason = "the lock, which the caller holds, is what excludes others"
    )]
    unsafe fn state(&self) -> &mut State {
        // SAFETY: caller's clause.
        self.state.with_mut(|state| unsafe { &mut *state })
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
    /// Otherwise the word stays frozen, so that the caller may enter the queue.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub(super) unsafe fn try_locked(&self, n: usize) -> Result<(), Refused> {
        let word = self.freeze();
        // SAFETY: caller's clause.
        let next = unsafe { self.state().next() };
        if next.is_none() && (word & CLOSED != 0 || permits(word) >= n) {
            let closed = word & CLOSED != 0;
            let taken = if closed { 0 } else { n * ONE };
            self.word.store((word & !QUEUED) - taken, Release);
            return if closed { Err(Refused::Closed) } else { Ok(()) };
        }
        Err(Refused::NotNow)
    }

    /// Enters the queue.
    ///
    /// # Safety
    /// The caller holds the lock and has been refused under it; the record stays in place
    /// until it has been taken out.
    pub(super) unsafe fn enqueue(&self, sg: &Sudog) {
        // SAFETY: caller's clauses.
        unsafe { self.state().queue.push_back(sg) };
    }

    /// Leaves the queue if the record is still there. Those behind it who can go on now
    /// are taken out into `woken`, to be woken without the lock.
    ///
    /// # Safety
    /// The caller holds the lock; the record is in this queue or in none.
    pub(super) unsafe fn dequeue(&self, sg: &Sudog, woken: &WaitQueue) {
        if !sg.is_queued() {
            return;
        }
        // SAFETY: caller's clauses.
        unsafe {
            self.state().queue.remove(sg);
            self.serve(0, woken);
        }
    }

    /// Gives `more` permits and those that are there to the first in the queue, as far as
    /// they go; the served are taken out into `woken`, to be woken without the lock.
    ///
    /// # Safety
    /// The caller holds the lock.
    unsafe fn serve(&self, more: usize, woken: &WaitQueue) {
        let word = self.freeze();
        let mut left = permits(word) + more;
        // SAFETY: caller's clause: the queue is ours, and its records are alive.
        let blocked = unsafe {
            let state = self.state();
            loop {
                let Some(sg) = state.next() else { break false };
                if asked(sg) > left {
                    break true;
                }
                state.queue.remove(sg);
                if sg.win() {
                    left -= asked(sg);
                    sg.success.set(true);
                    woken.push_back(sg);
                }
            }
        };
        let flags = word & CLOSED | if blocked { QUEUED } else { 0 };
        self.word.store((left * ONE) | flags, Release);
    }
}

impl State {
    /// The first waiter that could be served one day; whoever asks for more is passed over.
    ///
    /// # Safety
    /// The caller holds the lock, and uses the record no longer than that.
    unsafe fn next<'a>(&self) -> Option<&'a Sudog> {
        // SAFETY: caller's clause.
        unsafe {
            let mut sg = self.queue.front();
            while let Some(other) = sg
                && asked(other) > self.total
            {
                sg = other.behind();
            }
            sg
        }
    }
}

impl Drop for Sema {
    fn drop(&mut self) {
        // SAFETY: exclusive.
        let nobody = self
            .state
            .with_mut(|state| unsafe { (*state).queue.is_empty() });
        debug_assert!(nobody, "waiters have handles");
    }
}

/// The `elem` of a record whose waiter asks for `n` permits.
pub(super) fn asks(n: usize) -> *mut () {
    ptr::without_provenance_mut(n)
}

fn asked(sg: &Sudog) -> usize {
    sg.elem.get().addr()
}
