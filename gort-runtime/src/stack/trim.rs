//! Gives back the memory that deep use of a stack has committed.
//!
//! A goroutine with deep calls leaves committed pages behind in its slot. Checking for them takes a
//! system call, which is too expensive at each goroutine's end. Instead, sysmon checks slots in the
//! pool, and only those that were not needed for [`PERIOD_NS`] (by the list's low-water mark, as in
//! tcmalloc). If goroutines come and go in bursts, the pages they need therefore stay committed.
//!
//! Stacks in a P's own list (up to 64) are not trimmed. Guards of both kinds survive
//! `MADV_DONTNEED`.

use super::layout::Layout;
use super::{StackSlot, pool};
use crate::os;
use std::ptr::NonNull;

/// A slot is trimmed after it has not been needed for this long.
const PERIOD_NS: u64 = 100_000_000;
/// Number of slots that are trimmed in one pass, which takes some 0.1 ms.
const BATCH: usize = 256;

/// The trimmer's state, which sysmon owns.
#[derive(Debug, Default)]
pub(crate) struct Trimmer {
    trimmed_at: u64,
    /// Whether the last pass found unneeded slots, so that there may be more.
    found: bool,
}

impl Trimmer {
    /// Trims some unneeded slots if it is time to do so.
    pub(crate) fn trim_if_due(&mut self, now: u64) {
        if self.found || now - self.trimmed_at >= PERIOD_NS {
            let stacks = pool::take_unwanted(BATCH);
            self.trimmed_at = now;
            self.found = !stacks.is_empty();
            stacks.iter().copied().for_each(trim);
            pool::put_trimmed(&stacks);
        }
    }

    /// Returns whether there is nothing to trim now or later. While it returns `false`, sysmon must
    /// not park.
    pub(crate) fn is_done(&self) -> bool {
        !self.found && !pool::any_untrimmed()
    }
}

fn trim(stack: StackSlot) {
    let layout = Layout::here();
    let Some(base) = NonNull::new(stack.base()) else {
        return;
    };
    let page = os::page_size();
    let len = if stack.kind().own {
        // The identity may begin on the page on which the stack's first frame begins. Keep that
        // page.
        stack.top().addr() / page * page - (base.addr().get() + layout.guard())
    } else {
        stack.kind().slot() - layout.guard()
    };
    // SAFETY: the range is from above the guard to the end, or to the identity, of a slot of ours
    // that nothing uses.
    unsafe { os::give_back_pages(base.add(layout.guard()), len) };
}
