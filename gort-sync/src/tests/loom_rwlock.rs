//! Models of `rwlock/` and `word/rwlock.rs`, as they are.

use super::{Data, explore, explore_crowd};
use crate::rwlock::RwLock;
use loom::sync::Notify;
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

/// How somebody locks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Read,
    Write,
    ReadLimited,
    WriteLimited,
    TryRead,
    TryWrite,
}

/// Gets in, reads or writes, leaves. Says how much it has written.
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

/// Several come at once; nobody may be forgotten, and in the end nobody is inside.
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
        // Which wants the word to be 0.
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
                // Inside until the second reader was.
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
    all_visit(&[How::Read, How::WriteLimited, How::Write]);
}

#[test]
fn a_newcomer_is_inside_beside_a_writer() {
    all_visit(&[How::Read, How::Write, How::Read]);
}

#[test]
fn who_tries_is_inside_beside_a_writer() {
    all_visit(&[How::TryRead, How::Write, How::Read]);
}

#[test]
fn who_only_tries_takes_a_turn_along() {
    all_visit(&[How::TryWrite, How::TryRead, How::Write]);
}

/// Three are let in at once, but for one whose time is up and who is still queued.
#[test]
fn one_of_a_crowd_is_forgotten() {
    explore_crowd(|| {
        let lock = Arc::new(RwLock::new(Data::new()));
        let data = lock.write();
        let readers = [How::Read, How::Read, How::ReadLimited].map(|how| {
            let lock = Arc::clone(&lock);
            thread::spawn(move || visit(&lock, how))
        });
        // They wait, without a preemption.
        thread::yield_now();
        drop(data);
        for reader in readers {
            reader.join().unwrap();
        }
        assert!(lock.try_write().is_ok());
    });
}
