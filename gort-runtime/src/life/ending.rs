//! Watching for a goroutine's end together with other things: what `select!` needs of a
//! `JoinHandle`.
//!
//! Each goroutine has a list of [`Watcher`]s, which lie on the stacks of the selects that
//! wait for it. The list is under a lock that is *not* in the goroutine's record: one of a few
//! that all goroutines share. `join.rs` says when a goroutine that ends has to take it.
//!
//! # Invariants
//! 1. A watcher is linked, unlinked and looked at only under the lock; so a select that has taken
//!    the lock to take its watcher out knows that nobody uses it any more.
//! 2. Except those whose waiter the ending goroutine has won the right to wake: they stay
//!    in place until it does.
//! 3. The ending goroutine touches its record for the last time when it sets the word to DONE, before
//!    it lets go of the lock: then whoever has the handle may free the record.

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

/// The lock of this goroutine's list. Slots differ in their upper bits: Fibonacci's hash.
fn lock_of(gp: NonNull<G>) -> &'static RawLock {
    let hash = (gp.addr().get() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    &LOCKS[(hash >> (u64::BITS - LOCKS_LOG2)) as usize]
}

/// The end of a goroutine whose handle is borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    gp: NonNull<G>,
    _handle: PhantomData<&'a ()>,
}

impl Ending<'_> {
    /// # Safety
    /// The goroutine's handle has neither joined nor been dropped, and is not while the result is in use (`'a`).
    pub(crate) unsafe fn of(gp: NonNull<G>) -> Self {
        Self {
            gp,
            _handle: PhantomData,
        }
    }

    fn g(&self) -> &G {
        // SAFETY: a G for ever (`record/mod.rs`, promise 1), and this goroutine's, as its handle still has its share of
        // the record (clause of `of`).
        unsafe { self.gp.as_ref() }
    }

    /// Where the goroutine belongs.
    #[must_use]
    pub fn home(&self) -> Home {
        Home::of(self.g())
    }

    /// The lock for the calls below.
    #[must_use]
    pub fn lock(&self) -> &'static RawLock {
        lock_of(self.gp)
    }

    /// Whether the goroutine has ended, so that `join` does not wait. If not, it cannot end
    /// before the lock is free.
    ///
    /// # Safety
    /// The caller holds the lock.
    #[must_use]
    pub unsafe fn poll(&self) -> bool {
        !self.g().join.watch()
    }

    /// Has `waiter` woken at the end, if `win(arg)` then answers true.
    ///
    /// # Safety
    /// - The caller holds the lock and has not let go of it since `poll` said no.
    /// - `watcher` is in no list. It stays in place, and `win(arg)` may be called by any thread that holds the lock,
    ///   until `dequeue` has been called; if that has answered true, until `waiter` has been woken as well.
    /// - A true answer of `win(arg)` is the right to wake `waiter`, which by the time the caller lets go of the lock
    ///   can be woken (contract 1 of `park.rs`).
    pub unsafe fn enqueue(&self, watcher: &Watcher, waiter: Waiter, arg: *const ()) {
        watcher.next.set(ptr::null());
        watcher.waiter.set(waiter.to_word());
        watcher.arg.set(arg);
        let mut at = &self.g().watchers;
        // SAFETY: null or a watcher in the list, which is in place: those who entered it have promised that
        // until `dequeue`, for which they need the lock, which we hold (caller's clause).
        while let Some(other) = unsafe { at.get().as_ref() } {
            at = &other.next;
        }
        at.set(watcher);
    }

    /// Takes the watcher out, if it is still in the list.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub unsafe fn dequeue(&self, watcher: &Watcher) {
        let mut at = &self.g().watchers;
        // SAFETY: null or a watcher in the list, which is in place as in `enqueue`: we hold the lock (caller's
        // clause).
        while let Some(other) = unsafe { at.get().as_ref() } {
            if ptr::eq(other, watcher) {
                return at.set(other.next.get());
            }
            at = &other.next;
        }
    }
}

/// On g0: the goroutine has left its stack and is watched. Wakes who watches.
#[cold]
pub(crate) fn end_watched(gp: NonNull<G>) -> AtEnd {
    let lock = lock_of(gp);
    lock.lock();
    // SAFETY: a G for ever; the goroutine's share of the record is ours until `ended_watched`, and the list as long as
    // we hold the lock.
    let g = unsafe { gp.as_ref() };
    let won = Cell::new(ptr::null::<Watcher>());
    let mut last = &won;
    let mut at = g.watchers.replace(ptr::null());
    // SAFETY: clauses of `enqueue`: under the lock the watchers of the list are in place and `win` may be called;
    // those that are won stay until they are woken. The links of those that are not won are not read again.
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
    // Unless `at_end` says that it is ours, the record must not be touched below.
    // SAFETY: we took it above; it does not lie in the record.
    unsafe { lock.unlock() };
    let mut at = won.get();
    // SAFETY: clauses of `enqueue`: won above, so ours to wake, and in place until then; `waiter` holds the word
    // that `enqueue` put there, and can be woken, as we have had the lock since.
    unsafe {
        while let Some(watcher) = at.as_ref() {
            // Before it is woken: afterwards it may be gone.
            at = watcher.next.get();
            Waiter::from_word(watcher.waiter.get()).ready();
        }
    }
    at_end
}
