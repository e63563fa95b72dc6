//! PA11, PA13, PA21: panics and exits in deferred blocks.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::recover;
use gort_tests::claims;
use std::panic::{catch_unwind, resume_unwind};

/// Returns the text of a panic.
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
        assert_eq!(words(ended.unwrap_err().into_panic()), "third");
    }

    // PA11: the panic hook does not report these.
    fn panics_without_a_message_replace_each_other_too() {
        let twice = || {
            defer! { resume_unwind(Box::new("second")); }
            resume_unwind(Box::new("first"));
        };
        assert_eq!(words(recover(twice).unwrap_err()), "second");
        // If code in between catches the panic and raises it again, it raises the newest one.
        let passed_on = recover(|| match catch_unwind(twice) {
            Ok(never) => never,
            Err(payload) => resume_unwind(payload),
        });
        assert_eq!(words(passed_on.unwrap_err()), "second");
    }

    // PA11: panics that a deferred block or a destructor catches in between do not matter.
    fn a_replacement_stays_in_force_while_others_panic_and_are_caught() {
        struct Recovers;
        impl Drop for Recovers {
            fn drop(&mut self) {
                assert_eq!(words(recover(|| panic!("of a destructor")).unwrap_err()), "of a destructor");
            }
        }
        let ended = spawn(|| {
            defer! { drop(catch_unwind(|| panic!("of a deferred block"))); }
            let _recovers = Recovers;
            defer! { panic!("second"); }
            panic!("first");
        })
        .join();
        assert_eq!(words(ended.unwrap_err().into_panic()), "second");
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
        assert!(ended.unwrap_err().is_exited());
    }

    // PA22
    fn a_panic_in_a_deferred_block_replaces_an_exit() {
        let ended = spawn(|| {
            defer! { panic!("late"); }
            goexit();
        })
        .join();
        assert_eq!(words(ended.unwrap_err().into_panic()), "late");
    }
}
