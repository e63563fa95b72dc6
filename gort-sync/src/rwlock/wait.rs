//! Waiting for a readers-writer lock, and letting waiters in. The protocol of the word is in
//! `word/rwlock.rs`.
//!
//! A waiter is let in by another thread and never competes: when it is woken it is inside. So these
//! functions decide the order:
//!
//! - *The writer leaves* ([`write_unlock_slow`](RawRwLock::write_unlock_slow)): all readers that
//!   wait are let in.
//! - *The last reader leaves, or a waiter gives up* ([`let_in`](RawRwLock::let_in)): if no one is
//!   inside and the writer waits, the writer is let in. If no writer is inside or waits, all
//!   readers that wait are let in.
//!
//! Readers wait only because a writer is inside or waits. So while readers are inside and no writer
//! waits, no reader waits either.
//!
//! # Why there is one writer
//! Other writers wait for their turn, a mutex ([`RawRwLock::turn`]), where readers do not see them.
//! If they were in a queue here, one of them would nearly always be waiting in programs in which
//! many goroutines read and some write. Since a waiting writer stops new readers, each reader would
//! then park before each of its critical sections, and the crowd of waiters would never get
//! smaller. A mutex prefers writers that are already running, so several sections pass between two
//! writers. It costs a writer two more atomic operations. Go does the same. (`map_rwlock` on 2 Ps:
//! 127 ns with a queue of writers, 54 without; on 1 P both 31.)
//!
//! # Waiters that may give up
//! As in `mutex/wait.rs`, a waiter with a deadline has a [`SelectWord`], which the thread that
//! removes its record must win. So either the waiter was let in, or it only has to remove its
//! record. A record whose time is up may still be in a queue. It counts as waiting until its owner
//! has removed it; the owner then lets in the waiters that may enter.

use super::bias::{Bias, BiasedEntry};
use crate::contention::{self, Owed};
use crate::mutex::RawMutex;
use crate::prim::const_unless_loom;
use crate::spin::{pause, rounds};
use crate::waitlock::{End, Held, Wait, WaitLock, Waited};
use crate::waitqueue::{WaitQueue, Wakes};
use crate::word::rwlock::{Inside, Read, Word, Write};
use gort_runtime::{Current, Home, Nanos, WaitReason, check_in_debug_builds, now, point};
use std::mem::{ManuallyDrop, offset_of};
use std::panic::Location;

/// The kind of access that a waiter wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// How a reader has entered, which says how it must leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReaderKind {
    /// It is counted in the word.
    Counted,
    /// It has been added to the count of its P (`bias.rs`).
    Biased,
}

/// The waiters.
#[derive(Debug)]
struct Queues {
    readers: WaitQueue,
    /// At most one writer: the one whose turn it is.
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

/// The turn of a writer that is not inside. Dropping it gives the turn back, when the writer gives
/// up or its wait unwinds.
struct Turn<'a>(&'a RawMutex);

impl Turn<'_> {
    /// Keeps the turn, for a writer that is inside: it gives the turn back when it leaves. Returns
    /// true.
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

/// A readers-writer lock without its data.
///
/// Writers change `turn` and then the word. So these are neighbours, mostly in one cache line
/// (`mutex/wait.rs` says where the bits of `turn` are).
///
/// Readers on several cores change the word all the time. A reader that looks at something else in
/// the word's line has to fetch the line once more. So `bias` and the data of the lock, which comes
/// after all of this, are in other lines. (`rwmutex_read` on 2 Ps, when all readers were counted in
/// the word: 20.9 ns with the data beside the word, 14.3 apart.)
#[derive(Debug)]
#[repr(C)]
pub(super) struct RawRwLock {
    /// Held by the writer that is inside, or that waits for readers to leave.
    turn: RawMutex,
    pub(super) word: Word,
    queues: WaitLock<Queues>,
    _padding: [u64; 2],
    /// Each reader looks at this.
    bias: Bias,
}

#[cfg(not(loom))]
const _: () = assert!(
    offset_of!(RawRwLock, bias) - offset_of!(RawRwLock, word) >= 64,
    "what readers look at is in the word's cache line"
);

impl RawRwLock {
    const_unless_loom! {
        /// Creates an unlocked lock.
        pub(super) fn new() -> Self {
            Self {
                turn: RawMutex::new(),
                word: Word::new(),
                queues: WaitLock::new(Home::ANYWHERE, Queues::new()),
                _padding: [0; 2],
                bias: Bias::new(),
            }
        }
    }

    /// Enters as a reader, waiting as long as necessary.
    #[inline(always)]
    pub(super) fn read(&self, site: &'static Location<'static>) -> ReaderKind {
        if self.bias.is_open() && self.read_biased() {
            return ReaderKind::Biased;
        }
        match self.word.read_or_knock() {
            Read::Inside => {}
            Read::InsideAfterMany => self.bias.begin(Word::MANY_READS, || self.word.bias()),
            Read::Knocked => self.wait_after_knock(site),
        }
        ReaderKind::Counted
    }

    /// Enters as a reader, if no writer is inside and no one waits.
    #[inline]
    pub(super) fn try_read(&self) -> Option<ReaderKind> {
        if self.bias.is_open() && self.read_biased() {
            return Some(ReaderKind::Biased);
        }
        self.word.try_read().then_some(ReaderKind::Counted)
    }

    /// Enters as a biased reader, if the lock is biased. (A function of its own, so that `read` is
    /// inlined for the others: `gort-bench run grid 1 1000000 rwlock,0,0,8` takes 2 ns less.)
    #[inline(never)]
    fn read_biased(&self) -> bool {
        check_in_debug_builds(WaitReason::RwLockRead);
        let entry = self.bias.enter(|| self.word.admits_biased());
        entry == Some(BiasedEntry::Inside) || self.read_biased_slowly(entry)
    }

    #[cold]
    #[inline(never)]
    fn read_biased_slowly(&self, entry: Option<BiasedEntry>) -> bool {
        let entry = entry.unwrap_or_else(|| self.bias.enter_slowly(|| self.word.admits_biased()));
        if entry == BiasedEntry::Refused {
            self.refused();
        }
        entry == BiasedEntry::Inside
    }

    /// Called after a biased reader was not admitted and has taken itself out.
    #[cold]
    fn refused(&self) {
        if !self.word.is_biased() {
            self.bias.close();
        }
        if self.word.is_leaving() {
            self.last_reader_left();
        }
    }

    /// Leaves, as a biased reader.
    #[inline(never)]
    fn leave_biased(&self) {
        let has_left = self.bias.leave();
        if !has_left || self.word.is_leaving() {
            self.leave_biased_slowly(has_left);
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_biased_slowly(&self, has_left: bool) {
        if !has_left {
            self.bias.leave_slowly();
        }
        if self.word.is_leaving() {
            self.last_reader_left();
        }
    }

    /// Enters as the writer, waiting until `deadline` at most if there is one. Returns false if the
    /// deadline was reached.
    #[inline]
    pub(super) fn write(&self, deadline: Option<Nanos>, site: &'static Location<'static>) -> bool {
        let reason = WaitReason::RwLockWrite;
        if !(self.turn.word.lock_idle() || self.turn.wait(deadline, reason, site)) {
            return false;
        }
        let turn = Turn(&self.turn);
        let inside = match self.word.try_write() {
            Write::InsideAfter(reads) => {
                if reads >= Bias::SOME_READS && Bias::has_only_p() {
                    self.bias.begin(reads, || self.word.bias_by_writer());
                }
                true
            }
            Write::Biased => self.write_biased(),
            Write::Occupied => false,
        };
        (inside || self.wait(Access::Write, deadline, site)) && turn.used()
    }

    /// Enters as the writer if no one is inside, waits or knocks.
    #[inline]
    pub(super) fn try_write(&self) -> bool {
        if !self.turn.word.try_lock(false) {
            return false;
        }
        let turn = Turn(&self.turn);
        let inside = match self.word.try_write() {
            Write::InsideAfter(_) => true,
            Write::Biased => self.write_biased(),
            Write::Occupied => false,
        };
        inside && turn.used()
    }

    /// Enters as the writer of a biased lock, if no one is inside, waits or knocks.
    fn write_biased(&self) -> bool {
        (self.bias).write_on_only_p(|| self.word.try_write_beside_bias())
            || self.revoke_and_try_write()
    }

    #[cold]
    fn revoke_and_try_write(&self) -> bool {
        let queues = self.queues.lock();
        self.revoke(&queues);
        self.settle(&queues);
        matches!(self.word.try_write(), Write::InsideAfter(_))
    }

    /// Ends the bias, if there is one. Called by the writer whose turn it is.
    fn revoke(&self, _: &Held<'_, Queues>) {
        if self.word.is_biased() {
            self.bias.revoke(|| self.word.unbias());
        }
    }

    /// Clears `LEAVING` if all biased readers have left.
    fn settle(&self, _: &Held<'_, Queues>) {
        if self.word.is_leaving() && self.bias.is_empty() {
            self.word.all_have_left();
        }
    }

    /// Enters as a reader that has knocked.
    #[cold]
    fn wait_after_knock(&self, site: &'static Location<'static>) {
        if self.word.knocked() {
            self.let_in(self.queues.lock());
        }
        self.wait(Access::Read, None, site);
    }

    /// Spins until the writer inside has left, and enters as a reader. Returns false if that takes
    /// too long, or if a waiter is queued, since a newcomer cannot enter then.
    ///
    /// Writers do not spin, as in Go. A writer needs a moment without readers, and while it spins
    /// readers still enter. So it would spin in vain, and then enter the queue anyway.
    /// (`map_rwlock` on 2 Ps: 38 ns with writers that spin, 18 without.)
    fn spin_for_read(&self) -> bool {
        for round in rounds() {
            if self.word.is_queued() {
                break;
            }
            pause(round, false);
            if self.word.try_read() {
                return true;
            }
        }
        false
    }

    /// Enters, waiting until `deadline` at most if there is one. Returns false if the deadline was
    /// reached.
    #[cold]
    pub(super) fn wait(
        &self,
        access: Access,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> bool {
        if access == Access::Read && self.spin_for_read() {
            return true;
        }
        let reason = match access {
            Access::Read => WaitReason::RwLockRead,
            Access::Write => WaitReason::RwLockWrite,
        };
        let current = Current::new(reason);
        let queues = self.queues.lock();
        if self.enter_or_announce(access, &queues) {
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

    /// Enters (true), or announces that the caller will wait (false).
    fn enter_or_announce(&self, access: Access, queues: &Held<'_, Queues>) -> bool {
        if access == Access::Read {
            return self.word.read_or_announce();
        }
        loop {
            self.settle(queues);
            if let Some(inside) = self.word.write_or_announce() {
                return inside;
            }
            self.revoke(queues);
        }
    }

    /// Called by the last counted reader after it has left, if a waiter may be queued, and by a
    /// biased reader that finds `LEAVING`.
    #[cold]
    fn last_reader_left(&self) {
        let queues = self.queues.lock();
        let owed = Owed::to(&queues.writer);
        self.let_in(queues);
        owed.charge();
    }

    /// Lets in the waiters that may enter now.
    fn let_in(&self, mut queues: Held<'_, Queues>) {
        self.settle(&queues);
        let woken = Wakes::new();
        let inside = self.word.inside();
        if inside == Inside::None
            && let Some(writer) = queues.writer.dequeue()
        {
            self.word.let_writer_in();
            woken.push(writer);
        } else if inside != Inside::Writer && queues.writer.is_empty() {
            self.word.let_readers_in(queues.readers.take_all(&woken));
        }
        self.finish(queues, &woken);
    }

    /// Ends the access of the writer that is inside, if a waiter is queued or a reader knocks.
    #[cold]
    fn write_unlock_slow(&self) {
        let woken = Wakes::new();
        let mut queues = self.queues.lock();
        let owed = Owed::to(&queues.readers);
        self.word.writer_to_readers(queues.readers.take_all(&woken));
        self.finish(queues, &woken);
        owed.charge();
    }

    /// Turns the writer that is inside into a reader, if a waiter is queued or a reader knocks.
    /// Readers that wait get in as well; a writer that waits is next.
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

    /// Unlocks. Called once by a reader that is inside.
    #[inline]
    pub(super) fn read_unlock(&self, kind: ReaderKind) {
        point::point_in_drop("unlock", self);
        match kind {
            ReaderKind::Counted => {
                if self.word.read_unlock() {
                    self.last_reader_left();
                }
            }
            ReaderKind::Biased => self.leave_biased(),
        }
    }

    /// Unlocks. Called once by the writer that is inside.
    #[inline]
    pub(super) fn write_unlock(&self) {
        point::point_in_drop("unlock", self);
        if !self.word.write_unlock(self.bias.is_open()) {
            self.write_unlock_slow();
        }
        self.turn.unlock();
    }

    /// Turns the writer that is inside into a reader. Called by that writer.
    #[inline]
    pub(super) fn downgrade(&self) {
        if !self.word.downgrade(self.bias.is_open()) {
            self.downgrade_slow();
        }
        self.turn.unlock();
    }

    /// Ends a critical section in which waiters were let in: updates the word if the queues are
    /// empty, and wakes the waiters.
    fn finish(&self, queues: Held<'_, Queues>, woken: &Wakes) {
        if queues.readers.is_empty() && queues.writer.is_empty() {
            self.word.clear_queued();
        }
        drop(queues);
        woken.wake_all_elsewhere();
    }
}
