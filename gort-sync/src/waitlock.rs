//! One way to wait: a lock, what it protects, and the dance of waiting under it.
//!
//! Whoever waits for a mutex, permits, a timer… takes the object's lock and looks; enters a queue;
//! parks, whereby the lock is released; is woken, or its time comes; and in that case takes the lock
//! again and takes its record out. [`Held::wait`] is all of it but the look.
//!
//! # Why no wake-up is lost
//! Look and entry are one critical section, and the lock is released when the waiter can be woken
//! (`Current::park`'s `commit`). A waker changes what the waiter looks at under the lock, or looks into the queue under it
//! afterwards: before that section, and the waiter sees the change; or after it, and the waker finds
//! the record.
//!
//! # Why the time and a waker do not both end a wait
//! A wait with a limit has a [`SelectWord`], which both must win. A waker that takes the record out and does
//! not win it goes on to the next record. If the time has won, the waiter takes its record out,
//! unless such a waker has done so, under the lock; so no waker uses the record after that.

use crate::prim::DataCell;
use crate::sudog::{SelectWord, Sudog};
use crate::waitqueue::WaitQueue;
use gort_runtime::{Current, Home, Nanos, RawLock, WaitReason};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr;

/// A lock, and the queues and whatever else it protects. It blocks the thread: what is done under
/// it is short, and neither waits nor runs a user's code.
#[derive(Debug)]
pub(crate) struct WaitLock<S> {
    lock: RawLock,
    home: Home,
    inside: DataCell<S>,
}

// SAFETY: `inside` moves with the lock.
unsafe impl<S: Send> Send for WaitLock<S> {}
// SAFETY: `inside` is reached by one thread at a time, the one that holds the lock; so it moves
// between threads, and is never shared.
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
        self.lock.lock();
        Held {
            lock: self,
            _not_send: PhantomData,
        }
    }

    /// The lock itself, for a select, which takes those of all its arms.
    #[inline]
    pub(crate) fn raw(&self) -> &RawLock {
        &self.lock
    }

    /// Where this was made, for who waits.
    #[inline]
    pub(crate) fn home(&self) -> Home {
        self.home
    }

    /// What the lock protects, for an arm of a select.
    ///
    /// # Safety
    /// The lock is held, by the caller or by the select that calls it; no other reference from here is in use.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the lock is what excludes others")]
    pub(crate) unsafe fn held(&self) -> &mut S {
        // SAFETY: caller's clauses: the lock is held, and this is the only reference.
        self.inside.with_mut(|inside| unsafe { &mut *inside })
    }

    /// Calls `look` with a pointer for reading, for what has come to rest and is read without the lock.
    pub(crate) fn with<R>(&self, look: impl FnOnce(*const S) -> R) -> R {
        self.inside.with(look)
    }

    /// What the lock protects, where nobody else can reach it.
    pub(crate) fn get_mut(&mut self) -> &mut S {
        // SAFETY: `self` is borrowed exclusively.
        self.inside.with_mut(|inside| unsafe { &mut *inside })
    }
}

/// The lock is held, until this is dropped.
#[derive(Debug)]
pub(crate) struct Held<'a, S> {
    lock: &'a WaitLock<S>,
    /// It is released by the thread that took it, or by the park of the goroutine that did.
    _not_send: PhantomData<*mut ()>,
}

impl<S> Deref for Held<'_, S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        // SAFETY: we hold the lock, and `self` is borrowed: nobody writes.
        unsafe { self.lock.held() }
    }
}

impl<S> DerefMut for Held<'_, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: we hold the lock, and `self` is borrowed for ourselves.
        unsafe { self.lock.held() }
    }
}

impl<S> Drop for Held<'_, S> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a `Held` is made by `lock`, which took it, and is the only one until it is dropped.
        unsafe { self.lock.lock.unlock() };
    }
}

/// Who waits, for how long, and as what a dump shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait<'c> {
    pub(crate) current: &'c Current,
    /// `None`: for as long as it takes.
    pub(crate) until: Option<Nanos>,
    /// Where what one waits for was made; and so whose time `until` is.
    pub(crate) home: Home,
    pub(crate) reason: WaitReason,
    pub(crate) site: &'static Location<'static>,
}

/// At which end of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Back,
    /// It has waited before.
    Front,
}

/// How a wait ended.
#[derive(Debug)]
pub(crate) enum Waited<'a, S> {
    /// By a waker, which left this in the record's `success`.
    Woken(bool),
    /// By the time. The record is out of the queue; the lock is held, so that what the
    /// leaving means for others can be seen to.
    Expired(Held<'a, S>),
}

impl<'a, S> Held<'a, S> {
    /// Waits in the queue that `queue` names, the same each time, with `elem` in the record.
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
        // SAFETY: the record is new, names `wait.current`, and carries the word if there is a limit. Both
        // stay in place until `wait_registered` has returned, when the record is out of the queue, which
        // is the same each time that `queue` names it.
        unsafe {
            let entered = queue(&mut self);
            match end {
                End::Back => entered.push_back(&sg),
                End::Front => entered.push_front(&sg),
            }
            self.wait_registered(wait, queue, &sg, &word, || ())
        }
    }

    /// Waits with a record that is in the queue that `queue` names. When this returns it is out of it.
    /// `unlocked` is called on the system stack when the lock has been released.
    ///
    /// # Safety
    /// `sg` is in that queue, and `queue` names the same one each time. The record names `wait.current` as the one to wake, and carries `word` if
    /// there is a limit. `unlocked` does not wait or panic, and touches nothing that may be gone once the
    /// waiter has been woken.
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
        // SAFETY: caller's clauses: the record names us, is in the queue, and carries the word if there is
        // a limit. So wakers find us only under the lock, which `commit` releases; one of them takes the
        // record out, wins the word if there is one, and wakes us, once. `commit` owns the lock's
        // guard, and afterwards only calls `unlocked`, which keeps its clause.
        unsafe { park(wait, word, commit) };
        if wait.until.is_none() || word.winner().is_some() {
            return Waited::Woken(sg.success.get());
        }
        let mut held = lock.lock();
        // SAFETY: caller's clause: it was in this queue. There it is still, or it is in none, taken out by
        // a waker that lost the word.
        unsafe { queue(&mut held).remove(sg) };
        Waited::Expired(held)
    }
}

/// Parks until woken, or until the limit, if there is one, wins `word`.
///
/// # Safety
/// As for [`Current::park`]: wakers see the waiter only under locks that the caller holds and `commit`
/// releases, and one of them wakes it, once, having won `word` if there is a limit. `commit` does not
/// wait or panic, and uses nothing of the caller's once the last lock is free.
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
    // SAFETY: caller's clauses: the waiter is seen under the locks only, one waker wakes it, and
    // `commit` keeps to its limits. `word` is borrowed until this returns; `expire` answers true only
    // if it has won it, as any waker must.
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
