//! Models of `word/rwlock.rs` with the queues of `rwlock/wait.rs`.
//!
//! Not modelled: spinning (it is a try), the clock (the time of a waiter with a limit may be up
//! at any moment).

use super::{Data, Queue, Sleeper, explore};
use crate::word::rwlock::{Inside, Word};
use loom::sync::{Mutex, MutexGuard, Notify};
use loom::thread;
use std::sync::Arc;

struct RwLock {
    word: Word,
    queues: Mutex<Queues>,
    data: Data,
}

struct Queues {
    readers: Queue,
    writers: Queue,
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

impl Queues {
    fn of(&mut self, how: How) -> &mut Queue {
        if how.reads() {
            &mut self.readers
        } else {
            &mut self.writers
        }
    }
}

impl RwLock {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: Word::new(),
            queues: Mutex::new(Queues {
                readers: Queue::new(),
                writers: Queue::new(),
            }),
            data: Data::new(),
        })
    }

    /// Gets in, reads or writes, leaves. Says how much it has written.
    fn visit(&self, how: How) -> u32 {
        let tried = match how {
            How::Read => self.read_or_knock(),
            How::ReadLimited => self.word.try_read(),
            How::Write | How::WriteLimited => self.word.try_write(),
        };
        if !tried && !self.wait(how) {
            return 0;
        }
        if how.reads() {
            self.data.get();
            self.read_unlock();
            return 0;
        }
        self.data.add_one();
        if !self.word.write_unlock() {
            self.write_unlock_slow();
        }
        1
    }

    /// The beginning of `RwLock::read`.
    fn read_or_knock(&self) -> bool {
        let inside = self.word.read_or_knock();
        if !inside {
            self.read_unlock();
        }
        inside
    }

    fn read_unlock(&self) {
        if self.word.read_unlock() {
            self.let_in(self.queues.lock().unwrap());
        }
    }

    /// `RwLock::wait`.
    fn wait(&self, how: How) -> bool {
        let sleeper = Sleeper::new(false);
        let mut queues = self.queues.lock().unwrap();
        let inside = if how.reads() {
            self.word.read_or_announce()
        } else {
            self.word.write_or_announce()
        };
        if inside {
            return true;
        }
        queues.of(how).push_back(&sleeper);
        drop(queues);
        if sleeper.park(how.is_limited()) {
            return true;
        }
        let mut queues = self.queues.lock().unwrap();
        queues.of(how).remove(&sleeper);
        self.let_in(queues);
        false
    }

    fn let_in(&self, mut queues: MutexGuard<'_, Queues>) {
        let mut woken = Vec::new();
        let inside = self.word.inside();
        if inside == Inside::Nobody
            && let Some(writer) = queues.writers.dequeue()
        {
            self.word.let_writer_in();
            woken.push(writer);
        } else if inside != Inside::Writer && queues.writers.is_empty() {
            woken = queues.readers.take_all();
            self.word.let_readers_in(woken.len() as u64);
        }
        self.finish(queues, &woken);
    }

    fn write_unlock_slow(&self) {
        let mut queues = self.queues.lock().unwrap();
        let mut woken = queues.readers.take_all();
        if woken.is_empty()
            && let Some(writer) = queues.writers.dequeue()
        {
            woken.push(writer);
        } else {
            self.word.writer_to_readers(woken.len() as u64);
        }
        self.finish(queues, &woken);
    }

    fn finish(&self, queues: MutexGuard<'_, Queues>, woken: &[Arc<Sleeper>]) {
        if queues.readers.is_empty() && queues.writers.is_empty() {
            self.word.queues_are_empty();
        }
        drop(queues);
        woken.iter().for_each(|sleeper| sleeper.wake());
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
        let queues = lock.queues.lock().unwrap();
        assert!(queues.readers.is_empty() && queues.writers.is_empty());
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
    explore(|| {
        let lock = RwLock::new();
        let second_was_inside = Arc::new(Notify::new());
        let first = thread::spawn({
            let (lock, second_was_inside) = (Arc::clone(&lock), Arc::clone(&second_was_inside));
            move || {
                if !lock.read_or_knock() {
                    lock.wait(How::Read);
                }
                // Inside until the second reader was.
                second_was_inside.wait();
                lock.read_unlock();
            }
        });
        let second = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                lock.visit(How::Read);
                second_was_inside.notify();
            }
        });
        lock.visit(How::WriteLimited);
        first.join().unwrap();
        second.join().unwrap();
        assert!(lock.word.try_write());
    });
}

#[test]
fn a_reader_that_gave_up_leaves_the_word_queued() {
    all_visit(&[How::Write, How::ReadLimited, How::Write]);
}

#[test]
fn two_that_give_up_forget_the_third() {
    all_visit(&[How::WriteLimited, How::ReadLimited, How::Write]);
}
