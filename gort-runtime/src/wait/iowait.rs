//! Waiting for a descriptor: the basis of sockets.
//!
//! `netpoll/desc.rs` defines the protocol. This file has the user's side of it: it parks the user,
//! and wakes the waiters that were taken out of a slot. The crate `gort` uses this file; its users
//! do not.

use crate::api::start::ensure_started;
use crate::base::prim::{AtomicBool, Ordering::Relaxed};
use crate::bubble::home::Home;
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
use std::sync::OnceLock;

/// One of the two directions of a descriptor.
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
    /// The deadline, or the limit of this operation, has passed.
    TimedOut,
    /// The kernel refused to watch the descriptor, with this error.
    NotWatched(i32),
}

/// A descriptor that the poller watches until this is dropped. Each direction may have one user at
/// a time.
#[derive(Debug)]
pub struct PollDesc {
    entry: Place,
    /// Empty between [`unwatch`](Self::unwatch) and [`watch`](Self::watch).
    watched: OnceLock<Watched>,
}

/// The descriptor that the poller was told to watch.
#[derive(Debug)]
struct Watched {
    /// The descriptor's number. The owner keeps it open while this value exists.
    fd: RawFd,
    /// The kernel's error, if it refused to watch the descriptor. (Perhaps it already watches the
    /// same descriptor for another owner. Then it continues to do so.)
    refused: Option<i32>,
    /// Whether the kernel watches the descriptor now.
    on: AtomicBool,
}

impl Watched {
    fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the first requirement of `PollDesc::new` and of `watch`: the descriptor is open
        // until the `PollDesc` is dropped or `unwatch` has returned, and `self` is gone then.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }

    /// Stops watching. Only the first call has an effect: after it, another owner may have the same
    /// descriptor watched.
    fn stop(&self) {
        if self.on.swap(false, Relaxed) {
            netpoll::unwatch(self.fd());
        }
    }
}

impl PollDesc {
    /// Makes the poller watch `fd`, which must be non-blocking. If the kernel refuses, waiting
    /// fails.
    ///
    /// # Errors
    /// Fails if there are more descriptors than the table has room for.
    ///
    /// # Safety
    /// - `fd` stays open until this is dropped, or [`unwatch`](Self::unwatch) has returned.
    /// - Each direction has one user at a time: calls of [`prepare`](Self::prepare) and
    ///   [`wait`](Self::wait) for one direction follow each other. (All other methods may be called
    ///   at any time.)
    pub unsafe fn new(fd: BorrowedFd<'_>) -> io::Result<Self> {
        ensure_started();
        let this = Self {
            entry: netpoll::open()?,
            watched: OnceLock::new(),
        };
        // SAFETY: the caller guarantees our first requirement, which is also that of `watch`.
        unsafe { this.watch(fd) };
        Ok(this)
    }

    /// Makes the poller watch `fd` after [`unwatch`](Self::unwatch). Does nothing if a descriptor
    /// is watched.
    ///
    /// # Safety
    /// - `fd` stays open until this is dropped, or [`unwatch`](Self::unwatch) has returned.
    pub unsafe fn watch(&self, fd: BorrowedFd<'_>) {
        self.watched.get_or_init(|| {
            let refused = netpoll::watch(fd, self.entry).err();
            Watched {
                fd: fd.as_raw_fd(),
                on: AtomicBool::new(refused.is_none()),
                refused: refused.map(|e| e.raw_os_error().unwrap_or(0)),
            }
        });
    }

    /// Stops watching the descriptor. Deadlines stay. Waiting fails until [`watch`](Self::watch).
    pub fn unwatch(&mut self) {
        if let Some(watched) = self.watched.take() {
            watched.stop();
        }
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

    /// Returns the error with which waiting will fail, if the kernel refused to watch the
    /// descriptor.
    #[must_use]
    pub fn not_watched(&self) -> Option<i32> {
        match self.watched.get() {
            Some(watched) => watched.refused,
            None => Some(libc::EBADF),
        }
    }

    /// Checks whether an operation may make its first system call.
    ///
    /// # Errors
    /// Fails after `close`, and once the deadline has passed.
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

    /// Waits, after a system call that would have blocked, until another try is worthwhile, the
    /// deadline or `limit` has passed, or the descriptor is closed. Reports show `reason` as the
    /// reason for the wait.
    ///
    /// # Errors
    /// Returns why the wait ended, if it ended without the descriptor being ready.
    #[track_caller]
    pub fn wait(
        &self,
        direction: Direction,
        limit: Option<Nanos>,
        reason: WaitReason,
    ) -> Result<(), Interrupted> {
        if let Some(errno) = self.not_watched() {
            return Err(Interrupted::NotWatched(errno));
        }
        let site = Location::caller();
        let slot = self.slot(direction);
        let current = Current::new(reason);
        current.waits_for(Home::KERNEL);
        let waiter = current.waiter().to_word();
        while slot.begin() {
            // From here on, a thread that closes the descriptor or moves the deadline finds us
            // waiting.
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
                // An M that has a P idles it eventually, and then enters the poll itself if
                // necessary.
                if committed && tls::getm().and_then(M::held_p).is_none() {
                    wake_for_poll();
                }
                committed
            };
            // SAFETY: we are the only user of the slot (`new`'s second requirement, rule 1 of
            // `desc.rs`). `commit` publishes the waiter, as its last use of this frame (`slot`
            // lives for ever, `netpoll/table.rs`). Or it finds that an event has arrived, and then
            // the waiter was not published. A thread that takes the waiter out of the word has the
            // right to wake it. `expire` takes it out in the same way, and finds no waiter before
            // `commit` has published it.
            unsafe {
                let slot = ptr::from_ref(slot).cast();
                current.park_until(commit, until, expire, slot, reason, site);
            }
        }
        Ok(())
    }

    /// Sets the deadline after which operations in this direction fail; `None` removes it. The
    /// deadline also applies to an operation that is already waiting.
    ///
    /// # Errors
    /// Fails after `close`.
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

    /// Returns whether `close` was called.
    #[inline]
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.desc().is_closing()
    }

    /// Makes all operations fail, including those that wait now, and closes the file or connection.
    /// A second call does nothing.
    ///
    /// The descriptor's number stays in use, for a socket on which every operation fails, until the
    /// owner closes it. So code that is about to use the descriptor, or has borrowed it, cannot
    /// reach an unrelated connection. (Go counts its users instead, and closes the descriptor when
    /// the last one has finished. A `BorrowedFd` cannot be counted.)
    pub fn close(&self) {
        if let (true, Some(watched)) = (self.end(), self.watched.get()) {
            netpoll::replace_by_dead(watched.fd());
        }
    }

    /// Like [`close`](Self::close), but leaves the file open, for a descriptor that may have
    /// another owner. Returns `true` for the first call.
    pub fn end(&self) -> bool {
        let Some(waiters) = self.desc().close() else {
            return false;
        };
        waiters.into_iter().for_each(wake);
        if let Some(watched) = self.watched.get() {
            watched.stop();
        }
        true
    }
}

impl Drop for PollDesc {
    fn drop(&mut self) {
        self.unwatch();
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
        // SAFETY: `wait` published this word, which came from `to_word`. Taking the word out of the
        // slot gave us the right to wake the waiter.
        unsafe { Waiter::from_word(word).ready() };
    }
}

/// Ends a wait at its deadline. Returns `false` if it has ended already.
///
/// # Safety
/// `slot` is the `Slot` that the timer's owner waits for.
unsafe fn expire(slot: *const ()) -> bool {
    // SAFETY: the caller guarantees that this is a `Slot`. Slots live for ever
    // (`netpoll/table.rs`), and consist of atomics. A waiter that is found is the timer's owner
    // (rule 2 of `desc.rs`).
    unsafe { &*slot.cast::<Slot>() }.interrupt().is_some()
}
