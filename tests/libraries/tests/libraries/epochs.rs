//! crossbeam-epoch. While a guard exists, nothing that its thread sees is freed.

use crate::{MANY, TIMES};
use crossbeam_epoch::{self as epoch, Atomic, Owned};
use gort_libraries::{many, moving, wait};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{AcqRel, Acquire, SeqCst},
};

/// A node that is replaced all the time. Instead of freeing it the test sets `freed`, so that a use
/// after the free is noticed and does no harm.
struct Node {
    freed: Arc<AtomicBool>,
}

static FREED: AtomicUsize = AtomicUsize::new(0);

moving! {
    // TL06
    fn what_a_guard_has_seen_stays_over_waits() {
        let new = || Node { freed: Arc::new(AtomicBool::new(false)) };
        let place = Arc::new(Atomic::new(new()));
        many(MANY, move |i| {
            for round in 0..TIMES {
                let guard = epoch::pin();
                let seen = place.load(Acquire, &guard);
                // SAFETY: nodes are never freed, only marked.
                let freed = unsafe { seen.deref() }.freed.clone();
                wait();
                if (i + round) % 2 == 0 {
                    let inner = epoch::pin();
                    let old = place.swap(Owned::new(new()), AcqRel, &inner);
                    // SAFETY: nodes are never freed, only marked.
                    let mark = unsafe { old.deref() }.freed.clone();
                    inner.defer(move || {
                        mark.store(true, SeqCst);
                        FREED.fetch_add(1, SeqCst);
                    });
                    wait();
                    inner.flush();
                }
                wait();
                assert!(!freed.load(SeqCst), "freed under a guard");
                drop(guard);
                assert!(!epoch::is_pinned());
                epoch::pin().flush();
                wait();
            }
        });
        for _ in 0..100 {
            epoch::pin().flush();
        }
        assert!(FREED.load(SeqCst) > 0, "nothing is ever freed");
    }
}
