//! Models of the real `rwlock/` and `word/rwlock.rs`.
//!
//! # What fails without which step
//! The changes were tried one at a time (`.ci/mutants rwlock-`). The table names one of the models
//! that fail.
//!
//! | changed | a model that fails |
//! |---|---|
//! | `Acquire` in `read_or_knock`, `try_write`, `enter_or_announce`; `Release` in `read_unlock`, `write_unlock` | `a_reader_among_writers_is_forgotten` |
//! | `Acquire` in `try_read` | `a_reader_that_gave_up_leaves_the_word_queued` |
//! | `Release` in `writer_to_readers`, `Acquire` in `let_writer_in` | `a_writer_behind_readers_is_forgotten` |
//! | `Acquire` in `let_readers_in` | none: a waiting reader has announced itself, which is an acquire, and from then on writers leave only by `write_unlock_slow`, under the lock |
//! | `read_or_knock`, `try_read` enter despite `QUEUED` | `a_newcomer_..`, `a_try_read_is_inside_beside_a_writer`, alone |
//! | `read_or_announce` enters despite `QUEUED`; `let_in` lets readers in while writers wait | none: both happen under the lock, so only the order of turns is wrong |
//! | `clear_queued` is left out, or checks one queue only | nearly all |
//! | `inside` does not count readers that knock; a writer is let in beside readers | `a_writer_is_let_in_beside_a_reader` |
//! | a reader that leaves, or that has knocked, has no duty | `a_reader_among_writers_is_forgotten`, `a_newcomer_..` |
//! | a waiter that gives up lets no waiter in, or the word does not record the waiters let in | `readers_stay_behind_a_writer_that_gave_up` |
//! | the same if the time was up before the wait | none: the waiter has announced itself, so the next reader or writer to leave has the duty |
//! | `Release` in `downgrade` | `a_downgraded_writer_..` |
//! | a downgrade lets in no readers | none: the last reader that leaves lets them in (`tests/tests/rwlock.rs` sees it) |
//! | `Wakes` does not link its waiters, or does not clear the last one's `next` | `one_of_a_crowd_is_forgotten` |

use super::{Data, explore, explore_crowd};
use crate::rwlock::{RwLock, RwLockWriteGuard};
use loom::sync::Notify;
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

/// How a thread locks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Read,
    Write,
    ReadLimited,
    WriteLimited,
    TryRead,
    TryWrite,
    /// Writes, and stays inside as a reader.
    Downgrade,
}

/// Enters, reads or writes, and leaves. Returns how much it has written.
fn visit(lock: &RwLock<Data>, how: How) -> u32 {
    let reader = match how {
        How::Read => Some(lock.read()),
        How::ReadLimited => lock.read_timeout(Duration::ZERO).ok(),
        How::TryRead => lock.try_read().ok(),
        _ => None,
    };
    if let Some(data) = reader {
        data.get();
    }
    if how == How::Downgrade {
        let writer = lock.write();
        writer.add_one();
        let written = writer.get();
        let reader = RwLockWriteGuard::downgrade(writer);
        assert_eq!(reader.get(), written, "nobody writes in between");
        return 1;
    }
    let writer = match how {
        How::Write => Some(lock.write()),
        How::WriteLimited => lock.write_timeout(Duration::ZERO).ok(),
        How::TryWrite => lock.try_write().ok(),
        _ => None,
    };
    writer.map_or(0, |data| {
        data.add_one();
        1
    })
}

/// Several threads come at once. No thread may be forgotten, and in the end no one is inside.
fn all_visit(ways: &'static [How]) {
    explore(move || {
        let lock = Arc::new(RwLock::new(Data::new()));
        let (last, others) = ways.split_last().unwrap();
        let threads: Vec<_> = others
            .iter()
            .map(|&how| {
                let lock = Arc::clone(&lock);
                thread::spawn(move || visit(&lock, how))
            })
            .collect();
        let mut written = visit(&lock, *last);
        for thread in threads {
            written += thread.join().unwrap();
        }
        // This succeeds only if the word is 0.
        let data = lock.try_write().unwrap();
        assert_eq!(data.get(), written);
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
        let lock = Arc::new(RwLock::new(Data::new()));
        let second_was_inside = Arc::new(Notify::new());
        let first = thread::spawn({
            let (lock, second_was_inside) = (Arc::clone(&lock), Arc::clone(&second_was_inside));
            move || {
                let data = lock.read();
                // Stays inside until the second reader has been inside.
                second_was_inside.wait();
                drop(data);
            }
        });
        let second = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                visit(&lock, How::Read);
                second_was_inside.notify();
            }
        });
        visit(&lock, How::WriteLimited);
        first.join().unwrap();
        second.join().unwrap();
        assert!(lock.try_write().is_ok());
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

#[test]
fn a_writer_is_let_in_beside_a_reader() {
    all_visit(&[How::Read, How::ReadLimited, How::Write]);
}

#[test]
fn a_newcomer_is_inside_beside_a_writer() {
    all_visit(&[How::Read, How::Write, How::Read]);
}

#[test]
fn a_try_read_is_inside_beside_a_writer() {
    all_visit(&[How::TryRead, How::Write, How::Read]);
}

#[test]
fn a_try_write_takes_a_turn_along() {
    all_visit(&[How::TryWrite, How::TryRead, How::Write]);
}

#[test]
fn a_downgraded_writer_lets_a_writer_in() {
    all_visit(&[How::Write, How::Read, How::Downgrade]);
}

#[test]
fn a_downgraded_writer_keeps_the_lock() {
    all_visit(&[How::Downgrade, How::WriteLimited, How::TryWrite]);
}

/// Three readers are let in at once, except for one whose time is up and that is still queued.
#[test]
fn one_of_a_crowd_is_forgotten() {
    explore_crowd(|| {
        let lock = Arc::new(RwLock::new(Data::new()));
        let data = lock.write();
        let readers = [How::Read, How::Read, How::ReadLimited].map(|how| {
            let lock = Arc::clone(&lock);
            thread::spawn(move || visit(&lock, how))
        });
        // After this yield, which is no preemption, the readers wait.
        thread::yield_now();
        drop(data);
        for reader in readers {
            reader.join().unwrap();
        }
        assert!(lock.try_write().is_ok());
    });
}
