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

/// A slot is trimmed after it has not been needed for this long. (When it was a tenth of that,
/// bursts of goroutines that came each second paid for their pages each time, and the workload
/// `timers` took 0.34 µs more for each goroutine.)
const PERIOD_NS: u64 = 1_000_000_000;
/// Number of slots that are trimmed in one pass, which takes some 0.15 ms.
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
            trim(&stacks);
            pool::put_trimmed(&stacks);
        }
    }

    /// Returns whether there is nothing to trim now or later. While it returns `false`, sysmon must
    /// not park.
    pub(crate) fn is_done(&self) -> bool {
        !self.found && !pool::any_untrimmed()
    }
}

/// Gives back the memory of these stacks.
fn trim(stacks: &[StackSlot]) {
    let ranges: Vec<_> = stacks.iter().copied().map(unneeded).collect();
    // SAFETY: the ranges are whole pages of slots of ours that nothing uses.
    unsafe { os::give_back_pages(&ranges) };
}

/// Returns the part of an unused slot from above its guard to the end, or to the identity.
fn unneeded(stack: StackSlot) -> libc::iovec {
    let guard = Layout::here().guard();
    let len = if stack.kind().own {
        // The identity may begin on the page on which the stack's first frame begins. Keep that
        // page.
        let page = os::page_size();
        stack.top().addr() / page * page - (stack.base().addr() + guard)
    } else {
        stack.kind().slot() - guard
    };
    libc::iovec {
        iov_base: stack.base().wrapping_add(guard).cast(),
        iov_len: len,
    }
}
