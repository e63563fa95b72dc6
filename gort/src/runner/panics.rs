//! What the goroutines of a test panic with.
//!
//! libtest keeps what a test's thread prints and shows it if the test fails. A goroutine's message comes out on whichever
//! thread it runs on, which may be that of a test that passes. So messages are also kept here, by the goroutine that
//! the test began with, and printed where they belong.

use gort_runtime::{GoroutineId, current_root, try_current};
use std::panic;
use std::sync::{Mutex, Once, PoisonError};

/// As many of one test as somebody wants to read.
const MOST: usize = 16;

static MESSAGES: Mutex<Vec<(GoroutineId, String)>> = Mutex::new(Vec::new());

/// From now on messages are kept.
pub(super) fn keep() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if let (Some(root), Some(me)) = (current_root(), try_current()) {
                let mut messages = MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
                if messages.iter().filter(|(of, _)| *of == root).count() < MOST {
                    messages.push((root, format!("goroutine {} {info}", me.id())));
                }
            }
            previous(info);
        }));
    });
}

/// What the goroutines that descend from `root` have said, in order; it is kept no longer.
pub(super) fn of(root: GoroutineId) -> Vec<String> {
    let mut messages = MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let said = messages.extract_if(.., |(of, _)| *of == root);
    said.map(|(_, message)| message).collect()
}
