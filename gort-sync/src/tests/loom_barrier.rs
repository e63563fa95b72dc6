//! Models of the real `barrier.rs`.

use super::{Data, explore, explore_all, explore_large};
use crate::barrier::Barrier;
use loom::thread;
use std::sync::Arc;

/// Lets `n` threads meet in each of several rounds. After each round every thread sees what all
/// have done before it.
fn meet(n: usize, rounds: u32) {
    let barrier = Arc::new(Barrier::new(n));
    let work: Arc<[Data]> = (0..n).map(|_| Data::new()).collect();
    let visit = |me: usize| {
        let (barrier, work) = (Arc::clone(&barrier), Arc::clone(&work));
        move || {
            let mut leads = 0;
            for round in 1..=rounds {
                work[me].add_one();
                leads += u32::from(barrier.wait().is_leader());
                for data in &*work {
                    assert_eq!(data.get(), round);
                }
                // No thread continues to work before all have looked.
                leads += u32::from(barrier.wait().is_leader());
            }
            leads
        }
    };
    let others: Vec<_> = (1..n).map(|me| thread::spawn(visit(me))).collect();
    let mut leads = visit(0)();
    for other in others {
        leads += other.join().unwrap();
    }
    assert_eq!(leads, 2 * rounds);
}

#[test]
fn barrier_of_two() {
    explore_all(|| meet(2, 2));
}

#[test]
fn barrier_of_three() {
    explore(|| meet(3, 1));
}

/// There are more threads than one round needs. A thread that comes while those of the last round
/// are being woken waits for the next round.
#[test]
fn barrier_of_two_for_four() {
    explore_large(|| {
        let barrier = Arc::new(Barrier::new(2));
        let others = [0; 3].map(|_| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || barrier.wait().is_leader())
        });
        let mut leads = u32::from(barrier.wait().is_leader());
        for other in others {
            leads += u32::from(other.join().unwrap());
        }
        assert_eq!(leads, 2);
    });
}
