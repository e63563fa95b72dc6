//! Models of the real `semaphore/`.
//!
//! # What fails without which step
//! The changes were tried by hand, one at a time. The table names at most three of the models.
//!
//! | changed | models that fail |
//! |---|---|
//! | `Release` in `give_back`, `Acquire` in `try_take`, acquire in `freeze` | `excludes`, `hand_off`, … |
//! | `Release` of the store in `serve`, in `try_locked` | `one_serves_two` |
//! | `freeze` by a load and a store | `excludes`, `hand_off`, … |
//! | `give_back` does not look at `QUEUED`; `try_locked` does not freeze | nearly all |
//! | `serve` leaves `QUEUED` off although a waiter is left | `a_time_out_..`, `an_arm_takes_..` |
//! | `serve` wakes without winning | `a_time_out_..`, `an_arm_that_loses`, … |
//! | newcomers need not look at the queue | `hand_off`, `many_of_several` |
//! | a waiter that gives up, or an arm that is not chosen, serves no waiter; `after_dequeue` wakes no waiter | `a_time_out_..`, `an_arm_takes_..` |
//! | they leave their record in the queue | `a_time_out_..`, `an_arm_that_loses` |
//! | `close`, `add`, `forget` wake no waiter | `close_wakes_all`, `more_permits`, `fewer_permits` |
//! | `take_away` leaves the permits in the word, or `total` as it was | `semaphore_takes_away_what_is_there` |
//! | `wake_all` wakes before it unlinks | nearly all |
//! | `handle_gone` unlocks after giving back; its count is relaxed | `is_freed_by_the_waiter_that_gave_up`, … |
//! | `give_back_slow` does not look at `ORPHANED` under the lock | all three about freeing |
//! | a giver, on either path, reads the word once more afterwards | `is_freed_by_the_waiter_that_gave_up`, … |
//! | `AcqRel` in `give_back_orphaned` | `is_freed_by_the_last_permit`, `.._the_waiter_that_gave_up` |
//! | release in `freeze`, in the stores of `close` and `handle_gone` | none: the lock orders enough there |
//! | `give_back_slow` wakes under the lock | none: the thread that frees the memory must have had the lock |

use super::{Data, explore, explore_all, explore_large};
use crate::select::macro_support::recv;
use crate::select::{Order, Wait, select};
use crate::semaphore::{AcquireError, Permit, Semaphore};
use loom::thread::{self, JoinHandle};
use std::sync::Arc;
use std::time::Duration;

/// A semaphore, and data that only a thread with permits may access. Threads share the handle.
/// Other models drop handles during use.
struct Sem {
    semaphore: Semaphore,
    data: Data,
}

impl Sem {
    fn new(n: usize) -> Arc<Self> {
        Arc::new(Self {
            semaphore: Semaphore::new(n),
            data: Data::new(),
        })
    }

    fn acquire(&self, n: usize) -> Permit {
        self.semaphore.acquire(n)
    }

    /// Adds one, while holding all permits, and returns the new number.
    fn visit(&self, permit: Permit) -> u32 {
        self.data.add_one();
        let which = self.data.get();
        drop(permit);
        which
    }

    /// Returns the permits, unless the time was up.
    fn acquire_limited(&self, n: usize) -> Option<Permit> {
        match self.semaphore.acquire_timeout(n, Duration::ZERO) {
            Ok(permit) => Some(permit),
            Err(error) => {
                assert_eq!(error, AcquireError::Timeout);
                None
            }
        }
    }

    /// Does the same through `select!`.
    fn select_limited(&self, n: usize) -> Option<Permit> {
        let request = self.semaphore.acquire_request(n);
        let mut arm = recv(&request);
        let chosen = select([arm.enter()], Wait::Timeout(Duration::ZERO), Order::Biased);
        chosen.map(|_| arm.take())
    }

    /// Waits for `n` permits or for the close. Returns true if the semaphore is closed; then no
    /// permit is held.
    fn is_refused(&self, n: usize) -> bool {
        let request = self.semaphore.acquire_request(n);
        let mut arm = recv(&request);
        assert_eq!(select([arm.enter()], Wait::Block, Order::Biased), Some(0));
        // A permit that is not asked for is given back.
        drop(arm);
        self.semaphore.is_closed()
    }

    /// Checks that all permits are back, at the end of a model.
    fn assert_back(&self, n: usize) {
        assert_eq!(self.semaphore.available_permits(), n);
        // No flag is left that keeps other requests out.
        drop(self.semaphore.try_acquire(n).unwrap());
        assert_eq!(self.semaphore.available_permits(), n);
    }
}

fn with<R: 'static>(sem: &Arc<Sem>, f: impl FnOnce(&Sem) -> R + 'static) -> JoinHandle<R> {
    let sem = Arc::clone(sem);
    thread::spawn(move || f(&sem))
}

/// Starts a thread that gives the permit back at some moment.
fn gives_back(permit: Permit) -> JoinHandle<()> {
    thread::spawn(move || drop(permit))
}

/// Two threads exclude each other. This is explored without a bound on preemptions.
#[test]
fn semaphore_excludes() {
    explore_all(|| {
        let sem = Sem::new(1);
        let other = with(&sem, |sem| sem.visit(sem.acquire(1)));
        let mine = sem.visit(sem.acquire(1));
        assert_eq!(mine + other.join().unwrap(), 3);
        sem.assert_back(1);
    });
}

/// Two threads wait, in the order in which they came. The second can tell whether it is the second.
#[test]
fn semaphore_hand_off() {
    explore(|| {
        let sem = Sem::new(1);
        let held = sem.acquire(1);
        let first = with(&sem, |sem| sem.visit(sem.acquire(1)));
        let second = with(&sem, |sem| {
            // A request for 0 permits fails only if another request waits.
            let is_second = sem.semaphore.try_acquire(0).is_err();
            (is_second, sem.visit(sem.acquire(1)))
        });
        sem.visit(held);
        let first = first.join().unwrap();
        let (is_second, second) = second.join().unwrap();
        assert_eq!(first + second, 5);
        assert!(!is_second || second == 3);
        sem.assert_back(1);
    });
}

/// Three threads compete for one permit, two of them twice.
#[test]
fn semaphore_a_waiter_is_forgotten() {
    explore_large(|| {
        let sem = Sem::new(1);
        let twice = |sem: &Sem| {
            sem.visit(sem.acquire(1));
            sem.visit(sem.acquire(1));
        };
        let others = [with(&sem, twice), with(&sem, twice)];
        sem.visit(sem.acquire(1));
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(sem.data.get(), 5);
        sem.assert_back(1);
    });
}

/// Several permits come back one by one, while one thread wants all of them and another wants one.
#[test]
fn semaphore_many_of_several() {
    explore_large(|| {
        let sem = Sem::new(2);
        let mut held = sem.acquire(2);
        let givers = [held.split(1).unwrap(), held].map(gives_back);
        let small = with(&sem, |sem| drop(sem.acquire(1)));
        sem.visit(sem.acquire(2));
        for thread in givers {
            thread.join().unwrap();
        }
        small.join().unwrap();
        sem.assert_back(2);
    });
}

/// One giver serves two waiters, on whichever path they get their permits, and they see what the
/// giver did.
#[test]
fn semaphore_one_serves_two() {
    explore(|| {
        let sem = Sem::new(2);
        let held = sem.acquire(2);
        let small = [0, 1].map(|_| {
            with(&sem, |sem| {
                let _permit = sem.acquire(1);
                sem.data.get()
            })
        });
        sem.visit(held);
        for thread in small {
            assert_eq!(thread.join().unwrap(), 1);
        }
        sem.assert_back(2);
    });
}

/// Explores waiters that give up, and what becomes of the permits that they were about to get.
fn gives_up(limited: fn(&Sem, usize) -> Option<Permit>) {
    // The permit goes first to the waiter that gives up, or first to the other one.
    explore(move || {
        let sem = Sem::new(1);
        let giver = gives_back(sem.acquire(1));
        let unsteady = with(&sem, move |sem| drop(limited(sem, 1)));
        sem.visit(sem.acquire(1));
        giver.join().unwrap();
        unsteady.join().unwrap();
        sem.assert_back(1);
    });
    // A waiter behind one that gives up continues, although no permit is given back.
    explore(move || {
        let sem = Sem::new(2);
        let held = sem.acquire(1);
        let large = with(&sem, move |sem| limited(sem, 2).is_some());
        drop(sem.acquire(1));
        let had_all = large.join().unwrap();
        assert!(!had_all);
        drop(held);
        sem.assert_back(2);
    });
    // Two waiters that give up.
    explore_large(move || {
        let sem = Sem::new(1);
        let giver = gives_back(sem.acquire(1));
        let others = [0, 1].map(|_| with(&sem, move |sem| drop(limited(sem, 1))));
        giver.join().unwrap();
        for other in others {
            other.join().unwrap();
        }
        sem.assert_back(1);
    });
}

#[test]
fn semaphore_a_time_out_takes_permits_along() {
    gives_up(Sem::acquire_limited);
}

#[test]
fn semaphore_an_arm_takes_permits_along() {
    gives_up(Sem::select_limited);
}

/// A select over two semaphores, both of whose permits come back. The select gets one permit, and
/// the waiter behind it at the other semaphore gets the other.
#[test]
fn semaphore_an_arm_that_loses() {
    explore_large(|| {
        let sems = [Sem::new(1), Sem::new(1)];
        let givers = sems.each_ref().map(|sem| gives_back(sem.acquire(1)));
        let behind = with(&sems[1], |sem| drop(sem.acquire(1)));
        let x = sems[0].semaphore.acquire_request(1);
        let y = sems[1].semaphore.acquire_request(1);
        let (mut a, mut b) = (recv(&x), recv(&y));
        match select([a.enter(), b.enter()], Wait::Block, Order::Biased) {
            Some(0) => drop(a.take()),
            _ => drop(b.take()),
        }
        drop((a, b));
        for thread in givers {
            thread.join().unwrap();
        }
        behind.join().unwrap();
        for sem in sems {
            sem.assert_back(1);
        }
    });
}

/// Every waiter is refused, or had the permit before. No waiter waits for ever.
#[test]
fn semaphore_close_wakes_all() {
    explore(|| {
        let sem = Sem::new(1);
        let held = sem.acquire(1);
        let waiters = [0, 1].map(|_| with(&sem, |sem| sem.is_refused(1)));
        sem.semaphore.close();
        for waiter in waiters {
            assert!(waiter.join().unwrap());
        }
        drop(held);
        assert_eq!(sem.semaphore.available_permits(), 1);
        assert_eq!(
            sem.semaphore.try_acquire(1).unwrap_err(),
            AcquireError::Closed
        );
    });
}

/// A close meets a permit that comes back, and a wait with a time limit.
#[test]
fn semaphore_close_and_give_back() {
    explore_large(|| {
        let sem = Sem::new(1);
        let giver = gives_back(sem.acquire(1));
        let waiter = with(&sem, |sem| sem.is_refused(1));
        let limited = with(&sem, |sem| {
            match sem.semaphore.acquire_timeout(1, Duration::ZERO) {
                Ok(permit) => drop(permit),
                Err(error) => assert_ne!(error, AcquireError::WouldBlock),
            }
        });
        sem.semaphore.close();
        giver.join().unwrap();
        waiter.join().unwrap();
        limited.join().unwrap();
        assert_eq!(sem.semaphore.available_permits(), 1);
    });
}

/// New permits make requests possible that were impossible.
#[test]
fn semaphore_more_permits() {
    explore(|| {
        let sem = Sem::new(0);
        let large = with(&sem, |sem| drop(sem.acquire(2)));
        let small = with(&sem, |sem| drop(sem.acquire(1)));
        sem.semaphore.add_permits(1);
        small.join().unwrap();
        sem.semaphore.add_permits(1);
        large.join().unwrap();
        sem.assert_back(2);
    });
}

/// A request that has become impossible holds up no other request, and waits.
#[test]
fn semaphore_fewer_permits() {
    explore(|| {
        let sem = Sem::new(2);
        let lost = sem.acquire(1);
        let large = with(&sem, |sem| sem.is_refused(2));
        let small = with(&sem, |sem| drop(sem.acquire(1)));
        lost.forget();
        small.join().unwrap();
        sem.semaphore.close();
        assert!(large.join().unwrap());
        assert_eq!(sem.semaphore.available_permits(), 1);
    });
}

/// The waiter that got the permit drops everything, while the giver is about to return.
#[test]
fn semaphore_is_freed_by_the_waiter_that_was_served() {
    fn model(handle_first: bool) {
        let mine = Semaphore::new(1);
        let held = mine.acquire(1);
        let handle = mine.clone();
        let other = thread::spawn(move || {
            let permit = handle.acquire(1);
            if handle_first {
                drop(handle);
                drop(permit);
            } else {
                drop(permit);
                drop(handle);
            }
        });
        drop(mine);
        drop(held);
        other.join().unwrap();
    }
    explore_all(|| model(true));
    explore_all(|| model(false));
}

/// Two permits outlive the handle, or do not. The last one to go frees the semaphore.
#[test]
fn semaphore_is_freed_by_the_last_permit() {
    fn model(forget: bool) {
        let semaphore = Semaphore::new(3);
        let mut held = semaphore.acquire(2);
        let one = held.split(1).unwrap();
        let givers = [
            gives_back(one),
            thread::spawn(move || if forget { held.forget() } else { drop(held) }),
        ];
        drop(semaphore);
        for giver in givers {
            giver.join().unwrap();
        }
    }
    explore_large(|| model(false));
    explore_large(|| model(true));
}

/// Two handles are dropped at once, while a permit is out; one of them after its owner has given up
/// waiting.
#[test]
fn semaphore_is_freed_by_the_waiter_that_gave_up() {
    explore(|| {
        let mine = Semaphore::new(1);
        let giver = gives_back(mine.acquire(1));
        let handle = mine.clone();
        let unsteady = thread::spawn(move || {
            let permit = handle.acquire_timeout(1, Duration::ZERO);
            drop(handle);
            drop(permit);
        });
        drop(mine);
        giver.join().unwrap();
        unsteady.join().unwrap();
    });
}

/// Permits are taken away while another thread acquires all of them. If too few are left, its
/// request waits until they are added again.
#[test]
fn semaphore_takes_away_what_is_there() {
    explore(|| {
        let sem = Sem::new(2);
        let visits = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.visit(sem.acquire(2)))
        };
        let gone = sem.semaphore.forget_permits(1);
        sem.semaphore.add_permits(gone);
        visits.join().unwrap();
        assert_eq!(sem.semaphore.available_permits(), 2);
        assert_eq!(sem.semaphore.forget_permits(3), 2);
        sem.semaphore.add_permits(1);
        assert_eq!(sem.semaphore.available_permits(), 1);
        drop(sem.acquire(1));
    });
}
