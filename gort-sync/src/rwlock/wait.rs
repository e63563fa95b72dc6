//! Waiting for a readers-writer lock, and letting in. The protocol of the word is
//! `word/rwlock.rs`'s.
//!
//! Who waits is let in by another and never competes: a waiter that was woken is inside.
//! So the order is what these functions make it:
//!
//! - *The writer leaves* ([`write_unlock_slow`](RawRwLock::write_unlock_slow)): all readers that
//!   wait are let in.
//! - *The last reader leaves, or a waiter gives up* ([`let_in`](RawRwLock::let_in)): with nobody
//!   inside, the writer is let in; if it does not wait, all readers are.
//!
//! Readers wait only because a writer is inside or waits. So while readers are inside and no
//! writer waits, no reader waits either.
//!
//! # Why there is one writer
//! Others wait for their turn, a mutex ([`RawRwLock::turn`]), where readers do not see them. Were they in a queue here,
//! one of them would be waiting nearly always where many goroutines read and some write: then each reader waits for
//! each of its sections, and the crowd never gets smaller. A mutex lets those go first who run already, so several
//! sections pass between two writers. Cost: two more atomic operations for a writer. Go does the same. (`map_rwlock`
//! on 2 Ps: 127 ns with a queue of writers, 54 without; on 1 P both 31.)
//!
//! # Waiters that may leave
//! As in `mutex/wait.rs`: with a deadline, who takes the record out must win its
//! [`SelectWord`], and so either the waiter was let in, or it only has to take its record
//! out. A record whose time is up may still be in a queue; it counts as waiting until its
//! owner has taken it out, and then looks who may go.

use crate::contention::{self, Owed};
use crate::mutex::RawMutex;
use crate::prim::const_unless_loom;
use crate::spin::{pause, rounds};
use crate::waitlock::{End, Held, Wait, WaitLock, Waited};
use crate::waitqueue::{WaitQueue, Wakes};
use crate::word::rwlock::{Inside, Word};
use gort_runtime::{Current, Home, Nanos, WaitReason, now, point};
use std::mem::ManuallyDrop;
use std::panic::Location;

/// As what somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Those who wait.
#[derive(Debug)]
struct Queues {
    readers: WaitQueue,
    /// At most one: whose turn it is.
    writer: WaitQueue,
}

impl Queues {
    const fn new() -> Self {
        Self {
            readers: WaitQueue::new(),
            writer: WaitQueue::new(),
        }
    }

    fn of(&mut self, access: Access) -> &mut WaitQueue {
        match access {
            Access::Read => &mut self.readers,
            Access::Write => &mut self.writer,
        }
    }
}

/// The turn of a writer that is not inside: given back if it gives up, or unwinds from its wait.
struct Turn<'a>(&'a RawMutex);

impl Turn<'_> {
    /// The writer is inside, and gives its turn back when it leaves. True.
    #[inline]
    fn used(self) -> bool {
        let _ = ManuallyDrop::new(self);
        true
    }
}

impl Drop for Turn<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.unlock();
    }
}

/// A readers-writer lock without what it is around.
#[derive(Debug)]
pub(super) struct RawRwLock {
    pub(super) word: Word,
    /// Held by the writer that is inside, or waits for readers to leave.
    turn: RawMutex,
    queues: WaitLock<Queues>,
}

impl RawRwLock {
    const_unless_loom! {
        /// With nobody inside.
        pub(super) fn new() -> Self {
            Self {
                word: Word::new(),
                turn: RawMutex::new(),
                queues: WaitLock::new(Home::ANYWHERE, Queues::new()),
            }
        }
    }

    /// Gets in as a writer, waiting until `deadline` at most, if there is one. False: it has come.
    #[inline]
    pub(super) fn write(&self, deadline: Option<Nanos>, site: &'static Location<'static>) -> bool {
        let reason = WaitReason::RwLockWrite;
        if !(self.turn.word.lock_idle() || self.turn.wait(deadline, reason, site)) {
            return false;
        }
        let turn = Turn(&self.turn);
        (self.word.try_write() || self.wait(Access::Write, deadline, site)) && turn.used()
    }

    /// Gets in as a writer, if nobody is inside, waits or knocks.
    #[inline]
    pub(super) fn try_write(&self) -> bool {
        if !self.turn.word.try_lock(false) {
            return false;
        }
        let turn = Turn(&self.turn);
        self.word.try_write() && turn.used()
    }

    /// Gets in as a reader that has knocked.
    #[cold]
    pub(super) fn wait_after_knock(&self, site: &'static Location<'static>) {
        if self.word.read_unlock() {
            self.let_in(self.queues.lock());
        }
        self.wait(Access::Read, None, site);
    }

    /// Gets in, waiting until `deadline` at most, if there is one. False: it has come.
    #[cold]
    pub(super) fn wait(
        &self,
        access: Access,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> bool {
        // With somebody queued there is nothing to be had by trying.
        let mut rounds = rounds();
        while !self.word.is_queued() && rounds.next().is_some() {
            pause();
            if match access {
                Access::Read => self.word.try_read(),
                Access::Write => self.word.try_write(),
            } {
                return true;
            }
        }
        let reason = match access {
            Access::Read => WaitReason::RwLockRead,
            Access::Write => WaitReason::RwLockWrite,
        };
        let current = Current::new(reason);
        let queues = self.queues.lock();
        let inside = match access {
            Access::Read => self.word.read_or_announce(),
            Access::Write => self.word.write_or_announce(),
        };
        if inside {
            return true;
        }
        if deadline.is_some_and(|deadline| deadline <= now()) {
            self.let_in(queues);
            return false;
        }
        let wait = Wait {
            current: &current,
            until: deadline,
            home: self.queues.home(),
            reason,
            site,
        };
        match queues.wait(
            wait,
            |queues| queues.of(access),
            End::Back,
            contention::mark(false),
        ) {
            Waited::Woken(_) => true,
            Waited::Expired(queues) => {
                self.let_in(queues);
                false
            }
        }
    }

    /// The last of those who are counted as readers has left, and seen that somebody waits.
    #[cold]
    fn last_reader_left(&self) {
        let queues = self.queues.lock();
        let owed = Owed::to(&queues.writer);
        self.let_in(queues);
        owed.charge();
    }

    /// Lets in who may go now.
    fn let_in(&self, mut queues: Held<'_, Queues>) {
        let woken = Wakes::new();
        let inside = self.word.inside();
        if inside == Inside::Nobody
            && let Some(writer) = queues.writer.dequeue()
        {
            self.word.let_writer_in();
            woken.push(writer);
        } else if inside != Inside::Writer && queues.writer.is_empty() {
            self.word.let_readers_in(queues.readers.take_all(&woken));
        }
        self.finish(queues, &woken);
    }

    /// The writer that is inside leaves, and somebody waits or knocks.
    #[cold]
    fn write_unlock_slow(&self) {
        let woken = Wakes::new();
        let mut queues = self.queues.lock();
        let owed = Owed::to(&queues.readers);
        self.word.writer_to_readers(queues.readers.take_all(&woken));
        self.finish(queues, &woken);
        owed.charge();
    }

    /// The writer that is inside becomes a reader, and somebody waits or knocks: the readers that wait get in as well, and
    /// a writer, if one waits, next.
    #[cold]
    fn downgrade_slow(&self) {
        let woken = Wakes::new();
        let mut queues = self.queues.lock();
        let owed = Owed::to(&queues.readers);
        let readers = queues.readers.take_all(&woken);
        self.word.writer_to_readers(readers + 1);
        self.finish(queues, &woken);
        owed.charge();
    }

    /// By a reader that is inside, once.
    #[inline]
    pub(super) fn read_unlock(&self) {
        point::point_in_drop("unlock", self);
        if self.word.read_unlock() {
            self.last_reader_left();
        }
    }

    /// By the writer that is inside, once.
    #[inline]
    pub(super) fn write_unlock(&self) {
        point::point_in_drop("unlock", self);
        if !self.word.write_unlock() {
            self.write_unlock_slow();
        }
        self.turn.unlock();
    }

    /// By the writer that is inside: it is a reader from then on.
    #[inline]
    pub(super) fn downgrade(&self) {
        if !self.word.downgrade() {
            self.downgrade_slow();
        }
        self.turn.unlock();
    }

    /// After others were let in: has the word tell whether somebody still waits, and wakes.
    fn finish(&self, queues: Held<'_, Queues>, woken: &Wakes) {
        if queues.readers.is_empty() && queues.writer.is_empty() {
            self.word.queues_are_empty();
        }
        drop(queues);
        woken.wake_all();
    }
}
