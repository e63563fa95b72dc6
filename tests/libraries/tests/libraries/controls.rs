//! Lists the tests whose bodies go wrong in goroutines that use their threads' thread-locals, and
//! checks that they do. This shows that these tests can fail.
//!
//! rayon is not among them: a goroutine that waits for a pool blocks its thread, so no other
//! goroutine can run on that thread, and rayon leaves nothing in thread-locals between two calls.

use gort_libraries::SHARED;
use gort_tests::{role, run_body};

const WRONG: &[&str] = &[
    "spans::spans_of_a_goroutine_nest",
    "spans::spans_of_a_goroutine_nest_in_the_registry",
    "spans::a_goroutine_has_the_subscriber_that_it_has_chosen",
    "spans::the_registry_has_room_for_four_thousand",
    "async_runtime::a_runtime_stays_entered_over_waits",
    "async_runtime::a_goroutine_waits_inside_block_on",
    "async_runtime::goroutines_wait_inside_block_on_of_one_runtime",
    "contexts::contexts_of_a_goroutine_nest",
    "contexts::goroutines_leave_their_scopes_in_any_order",
    "locks::a_reentrant_mutex_is_entered_by_its_owner_only",
    "locks::a_reentrant_mutexs_owner_continues_while_others_block_for_it",
    "locks::a_recursive_mutex_is_entered_by_its_owner_only",
    "locks::each_goroutine_has_its_own_values_of_keys",
    "random::no_two_goroutines_draw_the_same",
    "epochs::what_a_guard_has_seen_stays_over_waits",
    "database::a_function_that_a_statement_calls_waits_and_asks_again",
    "loaded::libraries_with_thread_locals_that_are_allocated_come_and_go",
    "loaded::libraries_with_thread_locals_in_the_block_come",
];

#[test]
fn without_their_own_these_go_wrong() {
    if role().is_some() {
        return;
    }
    for name in WRONG {
        let vars = [("GORT_DEBUG", "migrate=always"), (SHARED, "1")];
        // The part before the first `::` is ignored.
        let ended = run_body(&format!("libraries::{name}"), "2", &vars);
        assert!(!ended.passed(), "{name} holds in any goroutine");
    }
}
