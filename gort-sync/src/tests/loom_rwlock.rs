//! Models of `word/rwlock.rs` with the queues of `rwlock/wait.rs`.
//!
//! Not modelled: spinning (it is a try), the clock (the time of a waiter with a limit may be up
//! at any moment).

use super::{Data, Queue, Sleeper, explore};
use crate::word::rwlock::{Inside, Word};
use gort_runtime::RawLock;
use loom::thread;
use std::sync::Arc;

struct RwLock {
    word: Word,
    queues_lock: RawLock,
    readers: Queue,
    writers: Queue,
    data: Data,
}

/// How somebody locks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Read,
    Write,
    ReadLimited,
    WriteLimited,
}

impl How {
    fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadLimited)
    }

    fn is_limited(self) -> bool {
        matches!(self, Self::ReadLimited | Self::WriteLimited)
    }
}

impl RwLock {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: Word::new(),
            queues_lock: RawLock::new(),
            readers: Queue::new(),
            writers: Queue::new(),
            data: Data::new(),
        })
    }

    /// Gets in, reads or writes, leaves. Says how much it has written.
    fn visit(&self, how: How) -> u32 {
        let tried = if how.reads() {
            self.word.try_read()
        } else {
            self.word.try_write()
        };
        if !tried && !self.wait(how) {
            return 0;
        }
        if how.reads() {
            self.data.get();
            if self.word.read_unlock() {
                self.queues_lock.lock();
                self.let_in();
            }
            return 0;
        }
        self.data.add_one();
        if !self.word.write_unlock() {
            self.write_unlock_slow();
        }
        1
    }

    /// `RwLock::wait`.
    fn wait(&self, how: How) -> bool {
        let sleeper = Sleeper::new(false);
        self.queues_lock.lock();
        let inside = if how.reads() {
            self.word.read_or_announce()
        } else {
            self.word.write_or_announce()
        };
        if inside {
            self.unlock_queues();
            return true;
        }
        let queue = if how.reads() {
            &self.readers
        } else {
            &self.writers
        };
        queue.push_back(&sleeper);
        self.unlock_queues();
        if sleeper.park(how.is_limited()) {
            return true;
        }
        self.queues_lock.lock();
        queue.remove(&sleeper);
        self.let_in();
        false
    }

    fn let_in(&self) {
        let mut woken = Vec::new();
        let inside = self.word.inside();
        if inside == Inside::Nobody
            && let Some(writer) = self.writers.dequeue()
        {
            self.word.let_writer_in();
            woken.push(writer);
        } else if inside != Inside::Writer && self.writers.is_empty() {
            woken = self.readers.take_all();
            self.word.let_readers_in(woken.len() as u64);
        }
        self.finish(&woken);
    }

    fn write_unlock_slow(&self) {
        self.queues_lock.lock();
        let mut woken = self.readers.take_all();
        if woken.is_empty()
            && let Some(writer) = self.writers.dequeue()
        {
            woken.push(writer);
        } else {
            self.word.writer_to_readers(woken.len() as u64);
        }
        self.finish(&woken);
    }

    fn finish(&self, woken: &[Arc<Sleeper>]) {
        if self.readers.is_empty() && self.writers.is_empty() {
            self.word.queues_are_empty();
        }
        self.unlock_queues();
        woken.iter().for_each(|sleeper| sleeper.wake());
    }

    fn unlock_queues(&self) {
        // SAFETY: the caller holds it.
        unsafe { self.queues_lock.unlock() };
    }
}

/// Several come at once; nobody may be forgotten, and in the end nobody is inside.
fn all_visit(ways: &'static [How]) {
    explore(move || {
        let lock = RwLock::new();
        let (last, others) = ways.split_last().unwrap();
        let threads: Vec<_> = others
            .iter()
            .map(|&how| {
                let lock = Arc::clone(&lock);
                thread::spawn(move || lock.visit(how))
            })
            .collect();
        let mut written = lock.visit(*last);
        for thread in threads {
            written += thread.join().unwrap();
        }
        assert!(lock.readers.is_empty() && lock.writers.is_empty());
        assert!(lock.word.try_write());
        assert_eq!(lock.data.get(), written);
    });
}

#[test]
fn a_writer_behind_readers_is_forgotten() {
    all_visit(&[How::Read, How::Read, How::Write]);
}

#[test]
fn a_reader_among_writers_is_forgotten() {
    all_visit(&[How::Write, How::Write, How::Read]);
}

#[test]
fn readers_stay_behind_a_writer_that_gave_up() {
    all_visit(&[How::Read, How::WriteLimited, How::Read]);
}

#[test]
fn a_reader_that_gave_up_leaves_the_word_queued() {
    all_visit(&[How::Write, How::ReadLimited, How::Write]);
}

#[test]
fn two_that_give_up_forget_the_third() {
    all_visit(&[How::WriteLimited, How::ReadLimited, How::Write]);
}
