//! How every wait works: a lock, the state that it protects, and the protocol for waiting under it.
//!
//! A waiter (for a mutex, a permit, a timer…) takes the object's lock and looks at the state. If it
//! has to wait, it enters a queue and parks, which releases the lock. Then either a waker wakes it,
//! or its time is up; in that case it takes the lock again and removes its record. [`Held::wait`]
//! does all of this except looking at the state.
//!
//! # Why no wake-up is lost
//! Looking at the state and entering the queue are one critical section, and the lock is released
//! only when the waiter can be woken (`Current::park`'s `commit`). A waker either changes the state
//! under the lock, or takes the lock after the change in order to look into the queue. If its
//! critical section comes before the waiter's, the waiter sees the change. If it comes after, the
//! waker finds the record.
//!
//! # Why the time and a waker cannot both end a wait
//! A wait with a time limit has a [`SelectWord`], which both must win. A waker that removes the
//! record but does not win the word continues with the next record. If the time wins, the waiter
//! removes its record under the lock, unless such a waker has done so. So no waker uses the record
//! after that.

use crate::prim::DataCell;
use crate::sudog::{SelectWord, Sudog};
use crate::waitqueue::WaitQueue;
use gort_runtime::{Current, Home, Nanos, RawLock, WaitReason, lock_stepping_back};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr;

/// A lock, and the queues and other state that it protects. It blocks the thread, so critical
/// sections are short, do not wait, and run no user code.
#[derive(Debug)]
pub(crate) struct WaitLock<S> {
    lock: RawLock,
    home: Home,
    inside: DataCell<S>,
}

// SAFETY: `inside` moves with the lock.
unsafe impl<S: Send> Send for WaitLock<S> {}
// SAFETY: only the thread that holds the lock accesses `inside`. So the state moves between threads
// and is never shared.
unsafe impl<S: Send> Sync for WaitLock<S> {}

impl<S> WaitLock<S> {
    crate::prim::const_unless_loom! {
        pub(crate) fn new(home: Home, inside: S) -> Self {
            Self {
                lock: RawLock::new(),
                home,
                inside: DataCell::new(inside),
            }
        }
    }

    /// Takes the lock.
    #[inline]
    pub(crate) fn lock(&self) -> Held<'_, S> {
        lock_stepping_back(&self.lock);
        Held {
            lock: self,
            _not_send: PhantomData,
        }
    }

    /// Returns the lock itself, for a select, which takes the locks of all its arms.
    #[inline]
    pub(crate) fn raw(&self) -> &RawLock {
        &self.lock
    }

    /// Returns the home in which the object was made, for its waiters.
    #[inline]
    pub(crate) fn home(&self) -> Home {
        self.home
    }

    /// Returns what the lock protects, for an arm of a select.
    ///
    /// # Safety
    /// The lock is held, by the caller or by the select that calls it. No other reference returned
    /// by this function is in use.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the lock is what excludes others")]
    pub(crate) unsafe fn held(&self) -> &mut S {
        // SAFETY: the caller holds the lock, and guarantees that this is the only reference.
        self.inside.with_mut(|inside| unsafe { &mut *inside })
    }

    /// Calls `look` with a pointer for reading, without the lock. Use this only for state that no
    /// longer changes.
    pub(crate) fn with<R>(&self, look: impl FnOnce(*const S) -> R) -> R {
        self.inside.with(look)
    }

    /// Returns what the lock protects, given exclusive access.
    pub(crate) fn get_mut(&mut self) -> &mut S {
        // SAFETY: `self` is borrowed exclusively.
        self.inside.with_mut(|inside| unsafe { &mut *inside })
    }
}

/// The lock is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Held<'a, S> {
    lock: &'a WaitLock<S>,
    /// The lock is released by the thread that took it, or by the park of the goroutine that took
    /// it.
    _not_send: PhantomData<*mut ()>,
}

impl<S> Deref for Held<'_, S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        // SAFETY: we hold the lock, and `self` is borrowed, so nothing writes.
        unsafe { self.lock.held() }
    }
}

impl<S> DerefMut for Held<'_, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: we hold the lock, and `self` is borrowed exclusively.
        unsafe { self.lock.held() }
    }
}

impl<S> Drop for Held<'_, S> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a `Held` is made by `lock`, which took the lock. Until it is dropped it is the
        // only one.
        unsafe { self.lock.lock.unlock() };
    }
}

/// A wait: who waits, until when, and what a dump says about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait<'c> {
    pub(crate) current: &'c Current,
    /// The time at which the wait ends by itself, or `None` if there is no time limit.
    pub(crate) until: Option<Nanos>,
    /// The home of the object that is waited for. `until` is a time on that home's clock.
    pub(crate) home: Home,
    pub(crate) reason: WaitReason,
    pub(crate) site: &'static Location<'static>,
}

/// The end of a queue at which a waiter enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Back,
    /// The front, for a waiter that has waited before.
    Front,
}

/// How a wait ended.
#[derive(Debug)]
pub(crate) enum Waited<'a, S> {
    /// Woken by a waker, which has left this in the record's `success`.
    Woken(bool),
    /// The time was up. The record is out of the queue. The lock is held, so that the caller can do
    /// what the departure of the waiter requires.
    Expired(Held<'a, S>),
}

impl<'a, S> Held<'a, S> {
    /// Waits in the queue that `queue` returns (the same each time), with `elem` in the record.
    #[inline]
    pub(crate) fn wait(
        mut self,
        wait: Wait<'_>,
        queue: impl Fn(&mut S) -> &mut WaitQueue,
        end: End,
        elem: *mut (),
    ) -> Waited<'a, S> {
        let word = SelectWord::new();
        let sg = Sudog::plain(wait.current.waiter(), elem);
        if wait.until.is_some() {
            sg.select.set(&raw const word);
        }
        // SAFETY: the record is new, names `wait.current`, and carries the word if there is a time
        // limit. Both stay in place until `wait_registered` has returned, when the record is out of
        // the queue. `queue` returns the same queue each time.
        unsafe {
            let entered = queue(&mut self);
            match end {
                End::Back => entered.push_back(&sg),
                End::Front => entered.push_front(&sg),
            }
            self.wait_registered(wait, queue, &sg, &word, || ())
        }
    }

    /// Waits with a record that is already in the queue that `queue` returns. On return the record
    /// is out of the queue. `unlocked` is called on the system stack once the lock has been
    /// released.
    ///
    /// # Safety
    /// `sg` is in that queue, and `queue` returns the same queue each time. The record names
    /// `wait.current` as the waiter to wake, and carries `word` if there is a time limit.
    /// `unlocked` does not wait or panic, and touches nothing that may be gone once the waiter has
    /// been woken.
    #[inline]
    pub(crate) unsafe fn wait_registered(
        self,
        wait: Wait<'_>,
        queue: impl Fn(&mut S) -> &mut WaitQueue,
        sg: &Sudog,
        word: &SelectWord,
        unlocked: impl FnOnce(),
    ) -> Waited<'a, S> {
        let lock = self.lock;
        let commit = move || {
            drop(self);
            unlocked();
            true
        };
        // SAFETY: the caller guarantees that the record names us, is in the queue, and carries the
        // word if there is a time limit. So wakers find us only under the lock, which `commit`
        // releases. One waker removes the record, wins the word if there is one, and wakes us,
        // once. `commit` releases the lock by dropping the guard, which it owns. After that it only
        // calls `unlocked`, which uses nothing that may be gone, as the caller guarantees.
        unsafe { park(wait, word, commit) };
        if wait.until.is_none() || word.winner().is_some() {
            return Waited::Woken(sg.success.get());
        }
        let mut held = lock.lock();
        // SAFETY: the caller guarantees that the record was in this queue. It is still there, or it
        // is in no queue because a waker that lost the word removed it.
        unsafe { queue(&mut held).remove(sg) };
        Waited::Expired(held)
    }
}

/// Parks until a waker wakes the caller. If there is a time limit, also returns when the time is up
/// and wins `word`.
///
/// # Safety
/// The same as for [`Current::park`]: wakers see the waiter only under locks that the caller holds
/// and `commit` releases. One of them wakes it, once, having won `word` if there is a time limit.
/// `commit` does not wait or panic, and uses nothing that belongs to the caller once the last lock
/// has been released.
#[inline]
pub(crate) unsafe fn park(wait: Wait<'_>, word: &SelectWord, commit: impl FnOnce() -> bool) {
    let Wait {
        current,
        until,
        home,
        reason,
        site,
    } = wait;
    current.waits_for(home);
    // SAFETY: the caller guarantees that the waiter is seen only under the locks, that one waker
    // wakes it, and that `commit` keeps its limits. `word` is borrowed until this returns. `expire`
    // returns true only if it has won the word, as every waker must.
    unsafe {
        match until {
            None => current.park(commit, reason, site),
            Some(until) => {
                let word = ptr::from_ref(word).cast();
                current.park_until(commit, until, SelectWord::expire, word, reason, site);
            }
        }
    }
}
