//! A futex implementation for systems that have none: threads sleep while a word holds a value.
//!
//! A table holds rooms, and an address always maps to the same room. A waiter checks the word under
//! its room's lock. A waker changes the word and then acquires that lock. Either the waiter sees
//! the change, or it is already asleep and is woken. Several words share a room, so a waker wakes
//! all threads that sleep in the room, and each checks its own word again.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use std::sync::{Condvar, Mutex};

const ROOMS: usize = 256;

struct Room {
    lock: Mutex<()>,
    woken: Condvar,
}

static TABLE: [Room; ROOMS] = [const {
    Room {
        lock: Mutex::new(()),
        woken: Condvar::new(),
    }
}; ROOMS];

fn room(word: *const AtomicU32) -> &'static Room {
    // Fibonacci hashing: neighbouring addresses get different rooms.
    let hash = (word.addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    &TABLE[(hash >> 56) as usize % ROOMS]
}

/// Sleeps while `word` holds `expected`, for at most `timeout`. May return early.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let room = room(word);
    // No code panics under the lock, so it is not poisoned.
    let Ok(guard) = room.lock.lock() else { return };
    // Relaxed: the change precedes the waker's acquisition of the lock, so a waiter that acquires
    // the lock later sees it. Acquiring what the change publishes is the caller's business.
    if word.load(Relaxed) != expected {
        return;
    }
    match timeout {
        None => drop(room.woken.wait(guard)),
        Some(timeout) => drop(room.woken.wait_timeout(guard, timeout)),
    }
}

/// Wakes the threads that sleep on `word`'s address. The memory may already be freed.
pub(crate) fn futex_wake_one(word: *const AtomicU32) {
    let room = room(word);
    drop(room.lock.lock());
    room.woken.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn a_word_that_holds_something_else_is_not_waited_for() {
        futex_wait(&AtomicU32::new(1), 0, None);
    }

    #[test]
    fn a_time_out_ends_a_wait() {
        futex_wait(&AtomicU32::new(0), 0, Some(Duration::from_millis(1)));
    }

    #[test]
    fn turns_taken_by_two_threads_are_never_lost() {
        const TURNS: u32 = 10_000;
        let word = Arc::new(AtomicU32::new(0));
        let theirs = Arc::clone(&word);
        let play = |word: &AtomicU32, mine: u32| {
            for turn in (mine..TURNS).step_by(2) {
                while word.load(Relaxed) != turn {
                    futex_wait(word, turn.wrapping_sub(1), None);
                }
                word.store(turn + 1, Relaxed);
                futex_wake_one(word);
            }
        };
        let other = thread::spawn(move || play(&theirs, 1));
        play(&word, 0);
        assert!(other.join().is_ok());
        assert_eq!(word.load(Relaxed), TURNS);
    }
}
