//! Watching for a goroutine's end together with other events: the part of a `JoinHandle` that
//! `select!` uses.
//!
//! Each goroutine has a list of [`Watcher`]s, which lie on the stacks of the selects that wait for
//! it. The lock of the list is *not* in the goroutine's record: it is one of a few locks that all
//! goroutines share. `join.rs` says when a goroutine that ends must acquire it.
//!
//! # Invariants
//! 1. A watcher is linked, unlinked and read only under the lock. A select that has acquired the
//!    lock to remove its watcher therefore knows that no other thread uses the watcher any more.
//! 2. There is one exception. If the ending goroutine has won the right to wake a watcher's waiter,
//!    it reads the watcher without the lock. The watcher stays in place until the waiter has been
//!    woken.
//! 3. The ending goroutine accesses its record for the last time when it sets `join`, the word of
//!    `join.rs`, to DONE, before it releases the lock. From then on the owner of the handle may
//!    free the record.

use crate::base::lock::RawLock;
use crate::bubble::home::Home;
use crate::life::join::AtEnd;
use crate::proc::g::G;
use crate::proc::watcher::Watcher;
use crate::wait::waiter::Waiter;
use crossbeam_utils::CachePadded;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// log2 of the number of locks.
const LOCKS_LOG2: u32 = 5;

static LOCKS: [CachePadded<RawLock>; 1 << LOCKS_LOG2] =
    [const { CachePadded::new(RawLock::new()) }; 1 << LOCKS_LOG2];

/// Returns the lock of this goroutine's list. The addresses of records differ in their upper bits,
/// so this uses Fibonacci hashing.
fn lock_of(gp: NonNull<G>) -> &'static RawLock {
    let hash = (gp.addr().get() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    &LOCKS[(hash >> (u64::BITS - LOCKS_LOG2)) as usize]
}

/// The end of a goroutine, borrowed from its handle.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    gp: NonNull<G>,
    _handle: PhantomData<&'a ()>,
}

impl Ending<'_> {
    /// Creates the value for a goroutine.
    ///
    /// # Safety
    /// The goroutine's handle has neither joined nor been dropped, and will not be while the result
    /// is in use (`'a`).
    pub(crate) unsafe fn of(gp: NonNull<G>) -> Self {
        Self {
            gp,
            _handle: PhantomData,
        }
    }

    fn g(&self) -> &G {
        // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1). It is still this
        // goroutine's, because the handle owns its share of the record, as the caller of `of`
        // guarantees.
        unsafe { self.gp.as_ref() }
    }

    /// Returns the bubble to which the goroutine belongs, or `OUTSIDE`.
    #[must_use]
    pub fn home(&self) -> Home {
        Home::of(self.g())
    }

    /// Returns the lock that the calls below need.
    #[must_use]
    pub fn lock(&self) -> &'static RawLock {
        lock_of(self.gp)
    }

    /// Returns `true` if the goroutine has ended, so that `join` would not wait. If not, it cannot
    /// end before the lock is released.
    ///
    /// # Safety
    /// The caller holds the lock.
    #[must_use]
    pub unsafe fn poll(&self) -> bool {
        !self.g().join.watch()
    }

    /// Registers `waiter` to be woken when the goroutine ends, if the watcher's `win(arg)` then
    /// returns true.
    ///
    /// # Safety
    /// - The caller holds the lock, and has held it since `poll` returned false.
    /// - `watcher` is in no list. Until `dequeue` has been called, it stays in place, and any
    ///   thread that holds the lock may call `win(arg)`. If `win(arg)` has returned true, the
    ///   watcher stays in place until `waiter` has been woken.
    /// - If `win(arg)` returns true, the calling thread has the right to wake `waiter`. By the time
    ///   the caller of `enqueue` releases the lock, `waiter` can be woken (contract 1 of
    ///   `park.rs`).
    pub unsafe fn enqueue(&self, watcher: &Watcher, waiter: Waiter, arg: *const ()) {
        watcher.next.set(ptr::null());
        watcher.waiter.set(waiter.to_word());
        watcher.arg.set(arg);
        let mut at = &self.g().watchers;
        // SAFETY: the pointer is null or a watcher in the list. Such a watcher is in place: its
        // owner has promised that until `dequeue`, which needs the lock, and we hold the lock.
        while let Some(other) = unsafe { at.get().as_ref() } {
            at = &other.next;
        }
        at.set(watcher);
    }

    /// Removes the watcher if it is still in the list.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub unsafe fn dequeue(&self, watcher: &Watcher) {
        let mut at = &self.g().watchers;
        // SAFETY: the pointer is null or a watcher in the list, which is in place as in `enqueue`,
        // because we hold the lock.
        while let Some(other) = unsafe { at.get().as_ref() } {
            if ptr::eq(other, watcher) {
                return at.set(other.next.get());
            }
            at = &other.next;
        }
    }
}

/// Ends a goroutine that is watched and has left its stack, and wakes its watchers. Runs on g0.
#[cold]
pub(crate) fn end_watched(gp: NonNull<G>) -> AtEnd {
    let lock = lock_of(gp);
    lock.lock();
    // SAFETY: a G stays a G for ever. The goroutine's share of the record is ours until
    // `ended_watched`, and the list is ours while we hold the lock.
    let g = unsafe { gp.as_ref() };
    let won = Cell::new(ptr::null::<Watcher>());
    let mut last = &won;
    let mut at = g.watchers.replace(ptr::null());
    // SAFETY: what `enqueue` requires holds: under the lock the watchers in the list are in place
    // and `win` may be called. Those that are won stay until they are woken. The links of those
    // that are not won are not read again.
    unsafe {
        while let Some(watcher) = at.as_ref() {
            at = watcher.next.replace(ptr::null());
            if (watcher.win)(watcher.arg.get()) {
                last.set(watcher);
                last = &watcher.next;
            }
        }
    }
    let at_end = g.join.ended_watched();
    // The record must not be touched below, unless `at_end` says that it is ours.
    // SAFETY: we acquired the lock above. It does not lie in the record.
    unsafe { lock.unlock() };
    let mut at = won.get();
    // SAFETY: what `enqueue` requires holds: these watchers were won above, so they are ours to
    // wake and in place until then. `waiter` holds the word that `enqueue` stored, and can be
    // woken, because we have held the lock since.
    unsafe {
        while let Some(watcher) = at.as_ref() {
            // Read the link before the wake: afterwards the watcher may be gone.
            at = watcher.next.get();
            Waiter::from_word(watcher.waiter.get()).ready();
        }
    }
    at_end
}
