//! Giving back what deep use of a stack has committed.
//!
//! A goroutine that goes deep leaves committed pages behind in its slot. Looking costs a system
//! call, too much for each goroutine's end, so sysmon looks, and only at slots in the
//! global list that nobody has wanted for [`PERIOD_NS`] (the list's low-water mark, as in
//! tcmalloc): in bursts that come and go the pages stay where they are needed.
//!
//! Kept is whatever is in a P's own list of up to 64 stacks. Guards of either kind survive `MADV_DONTNEED`.

use super::layout::Layout;
use super::{StackSlot, pool};
use crate::os;
use std::ptr::NonNull;

/// How long a slot must have been unwanted.
const PERIOD_NS: u64 = 100_000_000;
/// Slots that are looked at in one go: some 0.1 ms.
const BATCH: usize = 256;

/// Sysmon's place in this.
#[derive(Debug, Default)]
pub(crate) struct Trimmer {
    looked_at: u64,
    /// The last look found unwanted slots: perhaps there are more.
    found: bool,
}

impl Trimmer {
    /// Looks at some unwanted slots if it is time to.
    pub(crate) fn look(&mut self, now: u64) {
        if self.found || now - self.looked_at >= PERIOD_NS {
            let stacks = pool::take_unwanted(BATCH);
            self.looked_at = now;
            self.found = !stacks.is_empty();
            stacks.iter().copied().for_each(trim);
            pool::put_trimmed(&stacks);
        }
    }

    /// Whether nothing is left to be looked at, now or later: until then sysmon may not park.
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
        // The page on which its first frame begins is perhaps the lowest one of its identity.
        stack.top().addr() / page * page - (base.addr().get() + layout.guard())
    } else {
        stack.kind().slot() - layout.guard()
    };
    // SAFETY: from above the guard to the end, or to the identity, of a slot of ours that nobody uses.
    unsafe { os::give_back_pages(base.add(layout.guard()), len) };
}
