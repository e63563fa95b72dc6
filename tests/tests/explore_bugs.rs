//! EX: the bugs of `gort_tests::bugs` are found, and the corrected programs pass.

use gort::explore::{Options, Strategy};
use gort_tests::bugs;

// EX04
#[gort::test(timeout = "5m")]
fn each_bug_is_found_in_a_thousand_schedules_and_its_seed_repeats_it() {
    let all = bugs::all();
    assert!(all.len() >= 20);
    for bug in all {
        let Err(failure) = Options::new().run(bug.broken) else {
            panic!("not found: {}", bug.name)
        };
        assert_eq!(failure.kind(), bug.fails_by, "{}: {failure}", bug.name);
        assert!(failure.schedules() <= 1_000);
        let again = Options::new().schedules(1).seed(failure.seed());
        let Err(again) = again.run(bug.broken) else {
            panic!("not repeated: {}", bug.name)
        };
        assert_eq!(again.to_string(), failure.to_string(), "{}", bug.name);
        assert_eq!(again.schedules(), 1);
    }
}

// EX05
#[gort::test(timeout = "5m")]
fn what_is_fixed_passes_under_all_strategies() {
    let pct = Strategy::Pct { changes: 3 };
    for bug in bugs::all() {
        for strategy in [Strategy::Random, pct, Strategy::Exhaustive] {
            match Options::new().strategy(strategy).run(bug.fixed) {
                Ok(report) => assert!(report.schedules == 1_000 || report.exhausted),
                Err(failure) => panic!("{} ({strategy:?}): {failure}", bug.name),
            }
        }
    }
}
