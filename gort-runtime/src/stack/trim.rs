//! Giving back what deep use of a stack has committed.
//!
//! A goroutine that goes deep leaves committed pages behind in its slot. Looking costs a system
//! call, too much for each goroutine's end, so sysmon looks, and only at slots in the
//! global list that nobody has wanted for [`PERIOD_NS`] (the list's low-water mark, as in
//! tcmalloc): in bursts that come and go the pages stay where they are needed.
//!
//! Kept are a slot's top, where the `G` is, and whatever is in a P's own list of up to 64 slots. Guards of either kind survive `MADV_DONTNEED`.

use super::layout::Layout;
use super::{StackSlot, pool};
use crate::os;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use std::ptr::NonNull;

/// How long a slot must have been unwanted.
const PERIOD_NS: u64 = 100_000_000;
/// Slots that are looked at in one go: some 0.1 ms.
const BATCH: u32 = 256;

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
            let slots = GQueue::new();
            pool::take_unwanted(BATCH, &slots);
            self.looked_at = now;
            self.found = !slots.is_empty();
            trim_all(&slots);
        }
    }

    /// Whether nothing is left to be looked at, now or later: until then sysmon may not park.
    pub(crate) fn is_done(&self) -> bool {
        !self.found && !pool::any_untrimmed()
    }
}

fn trim_all(slots: &GQueue) {
    let trimmed = GQueue::new();
    while let Some(gp) = slots.pop_front() {
        trim(gp);
        trimmed.push_back(gp);
    }
    pool::put_trimmed(&trimmed);
}

/// Gives back the memory of a slot that is Idle and the caller's, but for its top.
fn trim(gp: NonNull<G>) {
    // SAFETY: a G for ever (`stack/mod.rs`, promise 3), of which only what never changes is read.
    let slot: StackSlot = unsafe { gp.as_ref() }.stack;
    let layout = Layout::here();
    let len = slot.len() - layout.guard() - layout.top();
    // SAFETY: clauses of `give_back_pages`: from above the guard to below the pages that stay, all of them whole pages
    // (`layout.rs`) of an anonymous mapping; the slot is Idle and ours, so nobody needs what is in them.
    unsafe { os::give_back_pages(slot.floor(), len) };
}
