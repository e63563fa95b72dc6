//! PA11, PA13, PA21: panics and exits in deferred blocks.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::recover;
use gort_tests::claims;

/// The words that something panicked with.
fn words(payload: Box<dyn std::any::Any + Send>) -> &'static str {
    *payload.downcast::<&str>().unwrap()
}

claims! {
    // PA11
    fn a_panic_in_a_deferred_block_replaces_the_one_on_its_way() {
        let caught = recover(|| {
            defer! { panic!("second"); }
            panic!("first");
        });
        assert_eq!(words(caught.unwrap_err()), "second");
        assert!(recover(|| ()).is_ok(), "nothing is left for the next one");
    }

    // PA11
    fn the_newest_of_three_panics_wins_and_join_gives_it() {
        let ended = spawn(|| {
            defer! { panic!("third"); }
            defer! { panic!("second"); }
            panic!("first");
        })
        .join();
        let Err(JoinError::Panicked(payload)) = ended else { panic!("{ended:?}") };
        assert_eq!(words(payload), "third");
    }

    // PA13
    fn a_panic_recovered_inside_a_deferred_block_leaves_the_first_in_force() {
        let caught = recover(|| {
            defer! { assert_eq!(words(recover(|| panic!("second")).unwrap_err()), "second"); }
            panic!("first");
        });
        assert_eq!(words(caught.unwrap_err()), "first");
    }

    // PA13
    fn a_replaced_panic_survives_a_recover_in_a_later_deferred_block() {
        let caught = recover(|| {
            defer! { assert_eq!(words(recover(|| panic!("third")).unwrap_err()), "third"); }
            defer! { panic!("second"); }
            panic!("first");
        });
        assert_eq!(words(caught.unwrap_err()), "second");
    }

    // PA21
    fn goexit_in_a_deferred_block_replaces_a_panic_by_the_exit() {
        let ended = spawn(|| {
            defer! { goexit(); }
            panic!("first");
        })
        .join();
        assert!(matches!(ended, Err(JoinError::Exited)));
    }

    // PA22
    fn a_panic_in_a_deferred_block_replaces_an_exit() {
        let ended = spawn(|| {
            defer! { panic!("late"); }
            goexit();
        })
        .join();
        let Err(JoinError::Panicked(payload)) = ended else { panic!("{ended:?}") };
        assert_eq!(words(payload), "late");
    }
}
