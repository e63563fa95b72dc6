//! Models of the real `mutex/` and `word/mutex.rs`.
//!
//! # What fails without which step
//! The changes were tried one at a time (`.ci/mutants mutex-`). The table names one of the models
//! that fail.
//!
//! | changed | a model that fails |
//! |---|---|
//! | `Acquire` in `lock_idle`, `lock_or_announce`; `Release` in `unlock` | `a_waiter_is_forgotten` |
//! | `Acquire` in `try_lock` | `a_try_lock_takes_the_lock_along`, alone |
//! | `Acquire` in `duty` | `an_arm_that_gives_up_leaves_the_mutex_starving` |
//! | `Release` in `take_back` | none: the waiter for which `LOCKED` was set has done nothing, and the release sequences of earlier holders continue through any read-modify-write |
//! | `clear_queue_bits` leaves `STARVING`; `is_duty` ignores it; `duty` ignores it, or hands over a lock that is held | `an_arm_that_gives_up_leaves_the_mutex_starving` |
//! | `take_next` leaves `QUEUED` when all have given up | the same |
//! | `lock_or_announce` leaves `WOKEN` | `a_waiter_is_forgotten` |
//! | `try_lock` leaves it; a spinning newcomer does not know that it competes | `a_spinner_forgets_a_waiter` |
//! | a spinning newcomer competes beside others; does so 16 times; the count is not reset when a waiter is woken, or when no waiter is left | `spinners_keep_a_waiter_asleep` |
//! | `take_back` does nothing | `an_arm_keeps_an_unwanted_lock`, `two_that_give_up_..` |
//! | `success` is not set; the waker wakes no waiter | nearly all |
//! | an arm that was not chosen leaves its record, or is woken to compete | `an_arm_keeps_an_unwanted_lock`, `an_arm_that_gives_up_..` |
//! | a waiter is not counted; a store restores nothing, has no duty, or is Relaxed; `CONTESTED` is set under a holder that does not know of it; a contested mutex is released by a store; a mutex stays counted, or is taken out too early | `a_store_forgets_one_of_two_waiters` |
//! | `is_duty` ignores `STARVING` when `WOKEN` is set | none: it takes two unlockers, the first of them late, a woken waiter and an arm behind it |
//!
//! Some steps decide only which thread is next, or how many steps a thread takes. No model sees
//! these: that newcomers respect `STARVING`; that this bit is set while the lock is held and
//! cleared by a hand-over; that `CONTESTED` is set at all; that waiters starve at all, and at which
//! end they enter; that `WOKEN` keeps other waiters asleep; and that a waiter that leaves an empty
//! queue clears `QUEUED` (otherwise the next unlocker looks, and clears it).

use super::{Data, explore, explore_large};
use crate::mutex::{Mutex, MutexGuard};
use crate::runtime_loom::{spins, starves};
use crate::select::macro_support::recv;
use crate::select::{Order, Wait, select};
use crate::sleepers_loom::{mutex_sleepers, release_by_store};
use crate::word::mutex::{Duty, Word};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

/// How a thread locks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// Waits, and does not starve.
    Wait,
    /// Waits, and starves once it has lost.
    Starve,
    /// Spins for a round, then waits.
    Spin,
    /// Spins for a round, then waits with a time limit.
    SpinLimited,
    /// Waits with a time limit.
    Limited,
    /// Waits as the only arm of a select.
    Arm,
    /// Waits as the only arm of a select whose time may be up at any moment.
    Select,
    /// Does what `Select` does, but does not take the guard.
    Unwanted,
    /// Does not wait.
    Try,
}

fn lock(mutex: &Mutex<Data>, how: How) -> Option<MutexGuard<'_, Data>> {
    starves(how == How::Starve);
    spins(matches!(how, How::Spin | How::SpinLimited).into());
    match how {
        How::Wait | How::Starve | How::Spin => Some(mutex.lock()),
        How::Limited | How::SpinLimited => mutex.lock_timeout(Duration::ZERO).ok(),
        How::Arm | How::Select | How::Unwanted => {
            let request = mutex.lock_request();
            let mut arm = recv(&request);
            let wait = match how {
                How::Arm => Wait::Block,
                _ => Wait::Timeout(Duration::ZERO),
            };
            let chosen = select([arm.enter()], wait, Order::Biased);
            chosen.filter(|_| how != How::Unwanted).map(|_| arm.take())
        }
        How::Try => mutex.try_lock().ok(),
    }
}

/// Locks, adds one, unlocks. Returns false if it gave up.
fn add_one(mutex: &Mutex<Data>, how: How) -> bool {
    let guard = lock(mutex, how);
    guard.inspect(|data| data.add_one()).is_some()
}

/// Runs several threads at once. Each locks in its given ways, one after the other. No thread may
/// be forgotten, and in the end the mutex is free.
fn all_lock(threads: &'static [&'static [How]]) {
    explore(several_lock(threads));
}

fn several_lock(threads: &'static [&'static [How]]) -> impl Fn() + Send + Sync + 'static {
    move || drop(lock_and_return(threads))
}

/// Does what `several_lock` does, and returns the mutex.
fn lock_and_return(threads: &'static [&'static [How]]) -> Arc<Mutex<Data>> {
    let mutex = Arc::new(Mutex::new(Data::new()));
    let work = |ways: &'static [How]| {
        let mutex = Arc::clone(&mutex);
        move || ways.iter().filter(|&&how| add_one(&mutex, how)).count()
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
    assert_eq!(mutex.try_lock().unwrap().get() as usize, locked);
    mutex
}

/// Does what `all_lock` does, with unlockers that release by a store. In the end no waiter is
/// counted.
fn all_lock_by_store(threads: &'static [&'static [How]]) {
    let model = move || {
        release_by_store();
        let mutex = lock_and_return(threads);
        // The mutex still exists: its destructor would take it out of the count.
        assert!(mutex_sleepers().is_none(), "a waiter is still counted");
        drop(mutex);
    };
    if threads.len() > 2 {
        explore_large(model);
    } else {
        explore(model);
    }
}

#[test]
fn a_store_forgets_a_waiter() {
    all_lock_by_store(&[&[How::Wait], &[How::Wait]]);
}

#[test]
fn a_store_forgets_a_waiter_that_comes_again() {
    all_lock_by_store(&[&[How::Wait, How::Wait], &[How::Wait, How::Wait]]);
}

#[test]
fn a_store_forgets_one_of_two_waiters() {
    all_lock_by_store(&[&[How::Wait], &[How::Wait], &[How::Wait]]);
}

#[test]
fn a_store_forgets_a_waiter_behind_one_that_gives_up() {
    all_lock_by_store(&[&[How::Limited], &[How::Wait], &[How::Wait]]);
}

#[test]
fn a_store_forgets_a_waiter_that_starves() {
    all_lock_by_store(&[&[How::Starve], &[How::Wait], &[How::Wait]]);
}

#[test]
fn a_store_forgets_an_arm() {
    all_lock_by_store(&[&[How::Arm], &[How::Select], &[How::Wait]]);
}

#[test]
fn a_store_forgets_a_spinner() {
    all_lock_by_store(&[&[How::Spin], &[How::Wait], &[How::Wait]]);
}

#[test]
fn a_mutex_that_is_never_unlocked_stays_counted() {
    explore(|| {
        release_by_store();
        let word = Word::new();
        assert!(word.lock_idle());
        assert!(!word.lock_or_announce(false), "it is held");
        assert!(!mutex_sleepers().is_none());
        drop(word);
        assert!(mutex_sleepers().is_none());
    });
}

#[test]
fn a_waiter_is_forgotten() {
    explore_large(several_lock(&[
        &[How::Wait],
        &[How::Wait],
        &[How::Wait, How::Wait],
    ]));
}

#[test]
fn a_waiter_that_starves_is_forgotten() {
    explore_large(several_lock(&[
        &[How::Starve],
        &[How::Wait],
        &[How::Wait, How::Wait],
    ]));
}

#[test]
fn a_waiter_that_gives_up_takes_a_wake_up_along() {
    explore_large(several_lock(&[
        &[How::Limited],
        &[How::Wait],
        &[How::Wait, How::Wait],
    ]));
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
    explore_large(several_lock(&[
        &[How::Starve],
        &[How::Starve],
        &[How::Wait, How::Wait],
    ]));
}

#[test]
fn two_arms_forget_each_other() {
    all_lock(&[&[How::Select], &[How::Select], &[How::Wait, How::Wait]]);
}

#[test]
fn an_arm_that_was_handed_the_lock_keeps_others_out() {
    all_lock(&[&[How::Arm], &[How::Arm], &[How::Wait, How::Wait]]);
}

#[test]
fn an_arm_that_gives_up_leaves_the_mutex_starving() {
    all_lock(&[&[How::Arm], &[How::Select], &[How::Wait, How::Wait]]);
}

#[test]
fn an_arm_keeps_an_unwanted_lock() {
    all_lock(&[&[How::Unwanted], &[How::Wait, How::Unwanted]]);
}

#[test]
fn a_try_lock_takes_the_lock_along() {
    all_lock(&[&[How::Starve], &[How::Try], &[How::Wait, How::Try]]);
}

#[test]
fn a_spinner_forgets_a_waiter() {
    all_lock(&[&[How::Wait], &[How::Spin], &[How::Spin]]);
}

#[test]
fn a_spinner_that_gives_up_forgets_a_waiter() {
    all_lock(&[&[How::Wait], &[How::SpinLimited], &[How::Wait]]);
}

#[test]
fn a_spinner_forgets_an_arm() {
    all_lock(&[&[How::Arm], &[How::Spin], &[How::Wait]]);
}

#[test]
fn a_spinner_and_a_starving_waiter_forget_each_other() {
    all_lock(&[&[How::Starve], &[How::Spin], &[How::Wait]]);
}

#[test]
fn spinners_keep_a_waiter_asleep() {
    explore(|| {
        let word = Word::new();
        assert!(word.lock_idle());
        assert!(!word.compete(word.look()), "nobody waits");
        assert!(!word.lock_or_announce(false), "somebody does now");
        for duty in [Duty::Wake, Duty::HandOver] {
            let mut passed = 0;
            while word.compete(word.look()) {
                passed += 1;
                assert!(!word.compete(word.look()), "somebody competes");
                assert!(!Word::is_duty(word.unlock()));
                assert!(word.try_lock(true));
            }
            assert_eq!(passed, 15);
            assert!(Word::is_duty(word.unlock()));
            assert_eq!(word.duty(duty == Duty::HandOver), duty);
            assert_eq!(word.try_lock(true), duty == Duty::Wake, "held already");
        }
        assert!(word.compete(word.look()));
        word.clear_queue_bits();
        assert!(!word.try_lock(true), "held");
        assert!(!Word::is_duty(word.unlock()));
        assert!(word.try_lock(true));
        assert_eq!(word.unlock(), 0);
    });
}
