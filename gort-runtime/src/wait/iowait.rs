//! Waiting for a descriptor: what sockets are made of.
//!
//! The protocol is `netpoll/desc.rs`'s; here is the user's side of it, with the park in the
//! middle, and the right to wake turned into waking. Support for `gort`, not for users.

use crate::api::start::ensure_started;
use crate::netpoll::{self, Desc, NEVER, Place, Slot, Waiting};
use crate::proc::m::M;
use crate::proc::tls;
use crate::proc::waitreason::WaitReason;
use crate::sched::submit::wake_for_poll;
use crate::time::{Nanos, now};
use crate::wait::park::Current;
use crate::wait::waiter::Waiter;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::panic::Location;
use std::ptr;

/// One of the two sides of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Reading, accepting.
    Read,
    /// Writing, connecting.
    Write,
}

/// Why a wait ended without the descriptor being ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// [`PollDesc::close`] was called.
    Closed,
    /// The deadline has passed, or the limit of this operation.
    TimedOut,
    /// The kernel would not watch the descriptor, with this error.
    NotWatched(i32),
}

/// A descriptor that the poller watches, until this is dropped. Of each direction there may
/// be one user at a time.
#[derive(Debug)]
pub struct PollDesc {
    /// Its owner keeps it open while we are here.
    fd: RawFd,
    entry: Place,
    not_watched: Option<i32>,
}

impl PollDesc {
    /// Has a descriptor watched that does not block. If the kernel refuses, waiting fails.
    ///
    /// # Errors
    /// If there are more descriptors than the table has room for.
    ///
    /// # Safety
    /// - `fd` stays open until this is dropped.
    /// - Of each direction there is one user at a time: calls of [`prepare`](Self::prepare) and
    ///   [`wait`](Self::wait) for one direction follow each other. (The others may be made at any time.)
    pub unsafe fn new(fd: BorrowedFd<'_>) -> io::Result<Self> {
        ensure_started();
        let entry = netpoll::open()?;
        let refused = netpoll::watch(fd, entry).err();
        Ok(Self {
            fd: fd.as_raw_fd(),
            entry,
            not_watched: refused.map(|e| e.raw_os_error().unwrap_or(0)),
        })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `new`'s first clause: the descriptor is open as long as `self` is there.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }

    fn desc(&self) -> &'static Desc {
        self.entry.desc
    }

    fn slot(&self, direction: Direction) -> &'static Slot {
        match direction {
            Direction::Read => &self.desc().read,
            Direction::Write => &self.desc().write,
        }
    }

    /// The error that waiting will give, if the kernel would not watch the descriptor.
    #[must_use]
    pub fn not_watched(&self) -> Option<i32> {
        self.not_watched
    }

    /// Before the first system call of an operation: whether it may be made.
    ///
    /// # Errors
    /// After `close`, and from the deadline on.
    #[inline]
    pub fn prepare(&self, direction: Direction) -> Result<(), Interrupted> {
        if self.is_closed() {
            return Err(Interrupted::Closed);
        }
        let slot = self.slot(direction);
        check_time(slot.deadline())?;
        slot.forget_ready();
        Ok(())
    }

    /// After a system call that would have blocked: waits until it is worth another try, the
    /// deadline or `limit` has come, or the descriptor is closed.
    ///
    /// # Errors
    /// The reason, if the descriptor is not ready.
    #[track_caller]
    pub fn wait(&self, direction: Direction, limit: Option<Nanos>) -> Result<(), Interrupted> {
        if let Some(errno) = self.not_watched {
            return Err(Interrupted::NotWatched(errno));
        }
        let site = Location::caller();
        let slot = self.slot(direction);
        let current = Current::new();
        let waiter = current.waiter().to_word();
        while slot.begin() {
            // Whoever closes or moves the deadline from here on finds us waiting.
            let until = slot.deadline().min(limit.unwrap_or(NEVER));
            let verdict = if self.is_closed() {
                Err(Interrupted::Closed)
            } else {
                check_time(until)
            };
            if verdict.is_err() {
                slot.abandon();
                return verdict;
            }
            let _waiting = Waiting::new();
            let commit = || {
                let committed = slot.commit(waiter);
                // An M that has a P idles it some time, and then sees to the poll itself.
                if committed && tls::getm().and_then(M::held_p).is_none() {
                    wake_for_poll();
                }
                committed
            };
            // SAFETY: we are the only user of the slot (`new`'s second clause, rule 1 of `desc.rs`). `commit`
            // shows the waiter, as its last use of this frame (`slot` lives for ever, `netpoll/table.rs`), or
            // finds that somebody has come, and then nobody has seen it. Whoever takes the waiter out of
            // the word has the right to wake it; so has `expire`, which finds none before `commit` has shown it.
            unsafe {
                let slot = ptr::from_ref(slot).cast();
                current.park_until(commit, until, expire, slot, WaitReason::IoWait, site);
            }
        }
        Ok(())
    }

    /// Sets the time from which operations in this direction fail, `None`: none. Whoever
    /// waits is held to it.
    ///
    /// # Errors
    /// After `close`.
    pub fn set_deadline(
        &self,
        direction: Direction,
        deadline: Option<Nanos>,
    ) -> Result<(), Interrupted> {
        if self.is_closed() {
            return Err(Interrupted::Closed);
        }
        wake(self.slot(direction).set_deadline(deadline.unwrap_or(NEVER)));
        Ok(())
    }

    /// Whether `close` was called.
    #[inline]
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.desc().is_closing()
    }

    /// Makes all operations fail, those that wait first of all, and closes the file or
    /// connection. A second call does nothing.
    ///
    /// The descriptor's number stays taken, by a socket on which every operation fails, until
    /// its owner closes it: so nobody who is about to use it, or has borrowed it, meets
    /// somebody else's connection. (Go counts the users inside instead, and closes the
    /// descriptor when the last one has left; a `BorrowedFd` cannot be counted.)
    pub fn close(&self) {
        if let Some(waiters) = self.desc().close() {
            waiters.into_iter().for_each(wake);
            netpoll::unwatch(self.fd());
            netpoll::replace_by_dead(self.fd());
        }
    }
}

impl Drop for PollDesc {
    fn drop(&mut self) {
        if !self.is_closed() {
            netpoll::unwatch(self.fd());
        }
        netpoll::retire(self.entry);
    }
}

#[inline]
fn check_time(deadline: Nanos) -> Result<(), Interrupted> {
    if deadline != NEVER && deadline <= now() {
        return Err(Interrupted::TimedOut);
    }
    Ok(())
}

/// Wakes a waiter that was taken out of a slot.
fn wake(word: Option<usize>) {
    if let Some(word) = word {
        // SAFETY: `wait` put it there, from `to_word`, and taking it out is the right to wake it.
        unsafe { Waiter::from_word(word).ready() };
    }
}

/// At the deadline of a wait: whether that ends it.
///
/// # Safety
/// `slot` is the `Slot` that the timer's owner waits for.
unsafe fn expire(slot: *const ()) -> bool {
    // SAFETY: caller's clause: it is a `Slot`; those live for ever (`netpoll/table.rs`), and are atomics. A waiter
    // that is found is the timer's owner (rule 2 of `desc.rs`).
    unsafe { &*slot.cast::<Slot>() }.interrupt().is_some()
}
