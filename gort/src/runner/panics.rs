//! Keeps the panic messages of a test's goroutines.
//!
//! libtest captures what a test's thread prints, and shows it if the test fails. A goroutine prints
//! its message on the thread that happens to run it, which may be the thread of a test that passes.
//! So messages are also kept here, under the test's root goroutine, and printed with the right
//! test.

use gort_runtime::{GoroutineId, current_root, try_current};
use std::panic;
use std::sync::{Mutex, Once, PoisonError};

/// Maximum number of messages kept for one test.
const MAX_MESSAGES: usize = 16;

static MESSAGES: Mutex<Vec<(GoroutineId, String)>> = Mutex::new(Vec::new());

/// Installs a panic hook that keeps messages, once per process.
pub(super) fn install_hook() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if let (Some(root), Some(me)) = (current_root(), try_current()) {
                let mut messages = MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
                if messages.iter().filter(|(of, _)| *of == root).count() < MAX_MESSAGES {
                    messages.push((root, format!("goroutine {} {info}", me.id())));
                }
            }
            previous(info);
        }));
    });
}

/// Removes and returns the messages of the goroutines that descend from `root`, in order.
pub(super) fn take(root: GoroutineId) -> Vec<String> {
    let mut messages = MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = messages.extract_if(.., |(of, _)| *of == root);
    taken.map(|(_, message)| message).collect()
}
