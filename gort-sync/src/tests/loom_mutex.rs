//! Models of `word/mutex.rs` with the queue of `mutex/wait.rs`.
//!
//! Not modelled: the clock (a waiter starves from its second
//! round on, in some models; the time of one with a limit may be up at any moment).

use super::{Data, Queue, Sleeper, WON, explore};
use crate::word::mutex::{Duty, Word};
use loom::sync::Mutex as QueueLock;
use loom::thread;
use std::sync::Arc;

struct Mutex {
    word: Word,
    queue: QueueLock<Queue>,
    data: Data,
}

/// How somebody locks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// Waits; does not starve.
    Wait,
    /// Waits; starves when it has lost once.
    Starve,
    /// Waits, with a limit.
    Limited,
    /// Waits as an arm of a select, whose other arm may be chosen at any moment.
    Select,
}

impl Mutex {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: Word::new(),
            queue: QueueLock::new(Queue::new()),
            data: Data::new(),
        })
    }

    /// Locks, adds one, unlocks; false if it gave up.
    fn add_one(&self, how: How) -> bool {
        let locked = match how {
            How::Select => self.select(),
            _ => self.word.lock_idle() || self.wait(how),
        };
        if locked {
            self.data.add_one();
            self.unlock();
        }
        locked
    }

    /// `Mutex::wait`.
    fn wait(&self, how: How) -> bool {
        // Spinning.
        if self.word.try_lock() {
            return true;
        }
        let mut woken = false;
        loop {
            let sleeper = Sleeper::new(woken && how == How::Starve);
            let mut queue = self.queue.lock().unwrap();
            if self.word.lock_or_announce(woken) {
                drop(queue);
                return true;
            }
            if woken && how == How::Limited {
                // The time was up in the meantime.
                self.take_out(&mut queue, &sleeper);
                drop(queue);
                return false;
            }
            if woken {
                queue.push_front(&sleeper);
            } else {
                queue.push_back(&sleeper);
            }
            drop(queue);
            if !sleeper.park(how == How::Limited) {
                let mut queue = self.queue.lock().unwrap();
                self.take_out(&mut queue, &sleeper);
                drop(queue);
                return false;
            }
            if sleeper.was_handed_over() {
                return true;
            }
            woken = true;
        }
    }

    /// `select` with a `LockArm` and another arm that becomes ready.
    fn select(&self) -> bool {
        let sleeper = Sleeper::new(true);
        let mut queue = self.queue.lock().unwrap();
        let locked = self.word.lock_or_announce(false);
        if !locked {
            queue.push_back(&sleeper);
        }
        drop(queue);
        if locked {
            return true;
        }
        let handed_over = sleeper.park(true);
        let mut queue = self.queue.lock().unwrap();
        self.take_out(&mut queue, &sleeper);
        drop(queue);
        assert_eq!(handed_over, sleeper.was_handed_over());
        handed_over
    }

    fn take_out(&self, queue: &mut Queue, sleeper: &Arc<Sleeper>) {
        queue.remove(sleeper);
        if queue.is_empty() {
            self.word.queue_is_empty();
        }
    }

    /// The guard's drop and `Mutex::unlocked`.
    fn unlock(&self) {
        let left = self.word.unlock();
        if left == 0 || !Word::is_duty(left) {
            return;
        }
        let mut queue = self.queue.lock().unwrap();
        let next = self.take_next(&mut queue);
        drop(queue);
        if let Some(sleeper) = next {
            sleeper.wake();
        }
    }

    /// `Mutex::take_next`.
    fn take_next(&self, queue: &mut Queue) -> Option<Arc<Sleeper>> {
        while let Some(first) = queue.front().cloned() {
            let duty = self.word.duty(first.starving);
            if duty == Duty::None {
                return None;
            }
            queue.remove(&first);
            if first.decide(WON) {
                first.set_handed_over(duty == Duty::HandOver);
                match queue.front() {
                    None => self.word.queue_is_empty(),
                    Some(second) if duty == Duty::HandOver => {
                        self.word.set_starving(second.starving);
                    }
                    Some(_) => {}
                }
                return Some(first);
            }
            self.word.take_back(duty);
        }
        self.word.queue_is_empty();
        None
    }
}

/// Several lock at once, each in these ways, one after the other; nobody may be forgotten, and
/// in the end the mutex is free.
fn all_lock(threads: &'static [&'static [How]]) {
    explore(move || {
        let mutex = Mutex::new();
        let work = |ways: &'static [How]| {
            let mutex = Arc::clone(&mutex);
            move || ways.iter().filter(|&&how| mutex.add_one(how)).count()
        };
        let (last, others) = threads.split_last().unwrap();
        let threads: Vec<_> = others
            .iter()
            .map(|ways| thread::spawn(work(ways)))
            .collect();
        let mut locked = work(last)();
        for thread in threads {
            locked += thread.join().unwrap();
        }
        assert!(mutex.queue.lock().unwrap().is_empty());
        assert!(mutex.word.try_lock());
        assert_eq!(mutex.data.get() as usize, locked);
    });
}

#[test]
fn a_waiter_is_forgotten() {
    all_lock(&[&[How::Wait], &[How::Wait], &[How::Wait, How::Wait]]);
}

#[test]
fn a_waiter_that_starves_is_forgotten() {
    all_lock(&[&[How::Starve], &[How::Wait], &[How::Wait, How::Wait]]);
}

#[test]
fn who_gives_up_takes_a_wake_up_along() {
    all_lock(&[&[How::Limited], &[How::Wait], &[How::Wait, How::Wait]]);
}

#[test]
fn two_that_give_up_take_a_wake_up_along() {
    all_lock(&[&[How::Limited], &[How::Limited], &[How::Wait, How::Wait]]);
}

#[test]
fn an_arm_that_loses_takes_the_lock_along() {
    all_lock(&[&[How::Select], &[How::Wait], &[How::Wait, How::Wait]]);
}

#[test]
fn an_arm_and_one_with_a_limit_forget_each_other() {
    all_lock(&[&[How::Select], &[How::Limited], &[How::Starve, How::Wait]]);
}

#[test]
fn two_that_starve_forget_each_other() {
    all_lock(&[&[How::Starve], &[How::Starve], &[How::Wait, How::Wait]]);
}

#[test]
fn two_arms_forget_each_other() {
    all_lock(&[&[How::Select], &[How::Select], &[How::Wait, How::Wait]]);
}
