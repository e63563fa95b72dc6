//! A permit for 0 belongs to no semaphore. So a merge must not compare the address of the semaphore
//! that it came from.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::recover;
use gort::sync::{Permit, Semaphore};
use gort_tests::claims;

/// The ways to get a permit for 0.
const EMPTY: [fn(&Semaphore) -> Permit; 3] = [
    |semaphore| semaphore.acquire(0),
    |semaphore| semaphore.acquire(1).split(0).unwrap(),
    |semaphore| {
        let mut permit = semaphore.acquire(1);
        drop(permit.split(1));
        permit
    },
];

claims! {
    // SM08: the result of a merge must not depend on the address that a new semaphore gets.
    fn an_empty_permit_merges_with_permits_of_every_later_semaphore() {
        for empty in EMPTY {
            let gone = Semaphore::new(1);
            let orphans: Vec<_> = (0..100).map(|_| empty(&gone)).collect();
            drop(gone);
            // One of these may have the address of the former semaphore, but not all.
            let semaphores: Vec<_> = (0..100).map(|_| Semaphore::new(1)).collect();
            let merged = orphans.into_iter().zip(&semaphores).map(|(mut orphan, semaphore)| {
                let one = semaphore.acquire(1);
                let merged = recover(|| orphan.merge(one)).is_ok();
                assert_eq!(orphan.num_permits(), usize::from(merged));
                assert_eq!(semaphore.available_permits(), usize::from(!merged));
                drop(orphan);
                assert_eq!(semaphore.available_permits(), 1, "it came back to its own");
                merged
            });
            assert_eq!(merged.filter(|&merged| merged).count(), 100);
        }
    }

    // SM08: also while the semaphore that it came from exists.
    fn an_empty_permit_takes_over_permits_of_any_semaphore_and_is_taken_over_by_any() {
        for empty in EMPTY {
            let (first, second) = (Semaphore::new(1), Semaphore::new(2));
            let mut permit = empty(&first);
            permit.merge(second.acquire(1));
            permit.merge(empty(&first));
            permit.merge(second.acquire(1));
            assert_eq!((first.available_permits(), second.available_permits()), (1, 0));
            drop(permit);
            assert_eq!((first.available_permits(), second.available_permits()), (1, 2));
        }
    }
}
