//! JS: sets of goroutines whose results are taken in the order in which they end.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::{WaitReason, num_goroutines};
use gort::{GoroutineId, JoinSet, on_system_stack, recover};
use gort_tests::{Counted, claims, parked, settle, waiting};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Adds a member that ends with `i` when it is told to.
fn when_told(set: &JoinSet<usize>, i: usize) -> Sender<()> {
    let (tx, rx) = bounded::<()>(0);
    set.spawn(move || {
        let _ = rx.recv();
        i
    });
    tx
}

/// Lets a member end, and waits until it has ended.
fn end(member: Sender<()>) {
    let before = num_goroutines();
    drop(member);
    while num_goroutines() == before {
        yield_now();
    }
}

fn value(next: Option<Result<usize, JoinError>>) -> Option<usize> {
    next.map(Result::unwrap)
}

claims! {
    // JS01
    fn results_come_in_the_order_in_which_their_goroutines_ended() {
        let set = JoinSet::new();
        let mut members: Vec<_> = (0..5).map(|i| Some(when_told(&set, i))).collect();
        let order = [3, 1, 4, 0, 2];
        for i in order {
            end(members[i].take().unwrap());
        }
        for i in order {
            assert_eq!(value(set.join_next()), Some(i));
        }
        assert!(set.join_next().is_none() && set.join_next().is_none());
    }

    // JS02
    fn waiters_get_none_when_the_last_result_is_taken() {
        let set = Arc::new(JoinSet::new());
        let member = when_told(&set, 7);
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let set = set.clone();
                parked(WaitReason::JoinSetNext, move || value(set.join_next()))
            })
            .collect();
        // One more waits in a select.
        let selects = {
            let set = set.clone();
            parked(WaitReason::Select, move || select! {
                next = <-set => value(next),
                <-gort::channel::never::<()>() => unreachable!(),
            })
        };
        drop(member);
        let mut got: Vec<_> = waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
        got.push(selects.join().unwrap());
        got.sort();
        assert_eq!(got, [None, None, None, Some(7)]);
        // The set can be used again.
        set.spawn(|| 8);
        assert_eq!(value(set.join_next()), Some(8));
    }

    // JS03
    fn try_join_next_never_waits_and_len_counts_what_was_not_taken() {
        let set = JoinSet::new();
        assert!(set.try_join_next().is_none() && set.is_empty());
        let members: Vec<_> = (0..3).map(|i| when_told(&set, i)).collect();
        settle();
        assert!(set.try_join_next().is_none());
        assert_eq!(set.len(), 3);
        members.into_iter().for_each(end);
        assert_eq!(set.len(), 3);
        assert_eq!(value(set.try_join_next()), Some(0));
        assert_eq!((set.len(), set.is_empty()), (2, false));
        // This works where waiting is not allowed.
        assert_eq!(on_system_stack(|| value(set.try_join_next())), Some(1));
        let selected = on_system_stack(|| select! { next = <-set => value(next), default => None });
        assert_eq!(selected, Some(2));
        assert!(recover(|| on_system_stack(|| set.join_next())).is_err());
    }

    // A result is there as soon as its goroutine has left the count, and not earlier.
    fn a_result_can_be_taken_as_soon_as_its_goroutine_is_not_counted() {
        let set = JoinSet::new();
        for i in 0..2_000 {
            set.spawn(move || i);
            if i % 2 == 0 {
                while num_goroutines() > 1 {
                    yield_now();
                }
                assert_eq!(value(set.try_join_next()), Some(i));
            } else {
                assert_eq!(value(set.join_next()), Some(i));
                assert_eq!(num_goroutines(), 1);
            }
        }
    }

    // JS04
    fn a_member_that_panics_or_exits_is_one_error_among_the_results() {
        let set = JoinSet::new();
        set.spawn(|| 1);
        set.spawn(|| resume_unwind(Box::new("x")));
        set.spawn(|| goexit());
        set.spawn(|| 2);
        let mut got = Vec::new();
        while let Some(result) = set.join_next() {
            got.push(result.map_err(|e| format!("{e:?}")));
        }
        got.sort();
        let errors = [Err("Exited".to_owned()), Err("Panicked(\"x\")".to_owned())];
        assert_eq!(got[..2], [Ok(1), Ok(2)]);
        assert_eq!(got[2..], errors);
    }

    // JS05
    fn join_all_waits_for_all_and_then_resumes_the_first_panic() {
        let set = JoinSet::new();
        let (late, flag) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (gate_tx, gate) = bounded::<()>(0);
        set.spawn({
            let (flag, gate) = (flag.clone(), gate.clone());
            move || {
                let _ = gate.recv();
                gort::time::sleep(Duration::from_millis(50));
                flag.fetch_add(1, SeqCst);
                DropsLoudly(late)
            }
        });
        set.spawn(move || {
            let _ = gate.recv();
            resume_unwind(Box::new("b"))
        });
        set.spawn(|| resume_unwind(Box::new("a")));
        while num_goroutines() > 3 {
            yield_now();
        }
        // Only "a" has ended.
        drop(gate_tx);
        let payload = recover(|| set.join_all()).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"a"));
        assert_eq!(flag.load(SeqCst), 1);
    }

    // JS06
    fn join_all_never_gives_fewer_values_than_there_were_members() {
        let set = JoinSet::new();
        let (tx, ids) = bounded::<GoroutineId>(1);
        set.spawn(|| 1);
        set.spawn(move || {
            tx.send(gort::current().id()).unwrap();
            goexit()
        });
        set.spawn(|| 3);
        let payload = recover(|| set.join_all()).unwrap_err();
        let text = payload.downcast_ref::<String>().unwrap();
        let id = ids.recv().unwrap();
        assert_eq!(
            *text,
            format!("`join_all` has no value from goroutine {id}, which called `goexit`")
        );
    }

    // JS07
    fn an_arm_on_an_empty_set_is_ready_with_none_unless_a_guard_turns_it_off() {
        let set = JoinSet::<usize>::new();
        let chosen = select! { next = <-set => value(next), default => Some(1) };
        assert_eq!(chosen, None);
        let chosen = select! {
            _ = <-set, if !set.is_empty() => 1,
            after(Duration::from_millis(1)) => 2,
        };
        assert_eq!(chosen, 2);
        let member = when_told(&set, 7);
        let chosen = select! { next = <-set => value(next), default => Some(1) };
        assert_eq!(chosen, Some(1));
        drop(member);
        assert_eq!(select! { next = <-set => value(next) }, Some(7));
    }

    // JS08
    fn a_losing_arm_takes_nothing() {
        let set = JoinSet::new();
        let (tx, ready) = bounded(1);
        let (mut seen, mut lost) = (vec![0; 100], 0);
        let mut started = 0;
        while seen.iter().sum::<usize>() < 100 {
            if started < 100 {
                set.spawn(move || started);
                started += 1;
            }
            let _ = tx.try_send(());
            select! {
                next = <-set, if !set.is_empty() => seen[next.unwrap().unwrap()] += 1,
                _ = <-ready => lost += 1,
            }
        }
        assert!(seen.iter().all(|&n| n == 1), "{seen:?}");
        assert!(lost > 0 && set.is_empty());
    }

    // JS09
    fn members_may_add_members() {
        fn grow(set: &Arc<JoinSet<usize>>, depth: usize) {
            let theirs = set.clone();
            set.spawn(move || {
                if depth > 0 {
                    grow(&theirs, depth - 1);
                    grow(&theirs, depth - 1);
                }
                depth
            });
        }
        let set = Arc::new(JoinSet::new());
        grow(&set, 10);
        let mut results = 0;
        while value(set.join_next()).is_some() {
            results += 1;
        }
        assert_eq!(results, 2_047);
    }

    // JS10
    fn dropping_a_set_detaches_its_members() {
        let alive = Arc::new(AtomicUsize::new(0));
        let ended = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded::<()>(0);
        let set = JoinSet::new();
        for i in 0..4 {
            let (value, ended, rx) = (Counted::new(&alive), ended.clone(), rx.clone());
            set.spawn(move || {
                if i > 0 {
                    let _ = rx.recv();
                }
                ended.fetch_add(1, SeqCst);
                value
            });
        }
        while ended.load(SeqCst) == 0 || num_goroutines() > 4 {
            yield_now();
        }
        drop(set);
        assert_eq!((ended.load(SeqCst), alive.load(SeqCst)), (1, 3));
        drop(tx);
        while num_goroutines() > 1 {
            yield_now();
        }
        assert_eq!((ended.load(SeqCst), alive.load(SeqCst)), (4, 0));
    }

    fn many_take_from_one_set_also_from_plain_threads() {
        let set = Arc::new(JoinSet::new());
        let sum = Arc::new(AtomicUsize::new(0));
        let takes = {
            let (set, sum) = (set.clone(), sum.clone());
            move || {
                while let Some(n) = value(set.join_next()) {
                    sum.fetch_add(n, SeqCst);
                }
            }
        };
        for round in 1..=20 {
            let first = when_told(&set, 0);
            let goroutines: Vec<_> = (0..4).map(|_| spawn(takes.clone())).collect();
            let threads: Vec<_> = (0..2).map(|_| thread::spawn(takes.clone())).collect();
            for _ in 0..200 {
                set.spawn(|| 1);
            }
            while set.len() > 1 {
                yield_now();
            }
            drop(first);
            goroutines.into_iter().for_each(|g| g.join().unwrap());
            gort::blocking(|| threads.into_iter().for_each(|t| t.join().unwrap()));
            assert_eq!(sum.load(SeqCst), round * 200);
        }
        assert_eq!((set.len(), waiting(WaitReason::JoinSetNext)), (0, 0));
    }
}

/// A value that panics when it is dropped.
#[derive(Debug)]
struct DropsLoudly(Arc<AtomicUsize>);

impl Drop for DropsLoudly {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        resume_unwind(Box::new("a destructor's"));
    }
}
