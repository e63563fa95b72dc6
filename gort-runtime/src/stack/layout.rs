//! The layout of a slot, as a function of the machine's page size.
//!
//! ```text
//!  base                  floor                                           end
//!  ┌─────────────────────┬───────────────────────────────┬───────────────┐
//!  │ guard, ≥ GUARD      │ ≥ the requested size          │ EXTRA         │
//!  └─────────────────────┴───────────────────────────────┴───────────────┘
//! ```
//! (Thread-locals that belong to the stack lie above, on pages of their own: `identity.rs`.)
//!
//! The guard and the rest are whole pages, of 4 to 64 KiB, because the kernel can neither guard nor
//! give back less. A slot is larger than the requested stack by its guard and `EXTRA`, so a program
//! that asks for N bytes can use N.
//!
//! # Why the guard has this size
//! Rust's functions touch each page of a frame in turn, so one guard page stops them. C functions
//! do not, unless they were compiled with `-fstack-clash-protection`: a frame larger than the guard
//! may step over it, into the stack of the slot below. A frame that is no larger than the guard
//! cannot. The largest buffers that are common in frames have 64 KiB. With such a buffer, a frame
//! is larger than 64 KiB, but as a rule smaller than a guard of 80 KiB. A guard commits no memory.
//! But it takes two bytes of page tables per KiB, and 12 ns per KiB when the kernel writes them as
//! the slot is carved (HACKING.md, "Measured"). A larger guard would make the first use of each
//! slot slow.

use crate::os;

/// Minimum number of bytes in a guard.
const GUARD: usize = 80 * 1024;
/// Room in addition to the requested stack. It holds the slot's colour and the frames below the
/// goroutine's function, through which the closure and the outcome may pass.
const EXTRA: usize = 8 * 1024;
/// Maximum size of closures and results that lie in the goroutine's record. Larger ones are boxed.
pub(crate) const MAX_INLINE: usize = 4 * 1024;
/// Minimum number of bytes of the extra room that remain for other frames.
const FRAMES: usize = 1024;

/// Number of different offsets at which stacks begin. Neighbouring offsets differ by a cache line.
pub(super) const COLOURS: usize = 16;
pub(super) const CACHE_LINE: usize = 64;

const _: () = assert!(COLOURS * CACHE_LINE + MAX_INLINE + FRAMES <= EXTRA);

/// The layout of slots for one page size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    page: usize,
}

impl Layout {
    /// Returns the layout for pages of `page` bytes.
    const fn of_pages(page: usize) -> Self {
        Self { page }
    }

    /// Returns the layout for this machine.
    pub(super) fn here() -> Self {
        Self::of_pages(os::page_size())
    }

    /// Returns the number of bytes in each slot's guard.
    pub(super) const fn guard(self) -> usize {
        GUARD.next_multiple_of(self.page)
    }

    /// Returns the number of bytes in a slot for a stack of `1 << size_log2`, including the guard.
    pub(super) const fn slot(self, size_log2: u8) -> usize {
        self.guard() + ((1 << size_log2) + EXTRA).next_multiple_of(self.page)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DEFAULT_STACK, MAIN_STACK, MAX_STACK, MIN_STACK, validate_size};
    use super::*;

    const KIB: usize = 1024;

    #[test]
    fn everything_is_whole_pages_and_what_was_asked_for_can_be_used() {
        for page in [4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB] {
            let layout = Layout::of_pages(page);
            assert!(layout.guard() >= GUARD && layout.guard().is_multiple_of(page));
            for asked in [0, 1, MIN_STACK, 40_000, 64 * KIB, DEFAULT_STACK, MAX_STACK] {
                let size_log2 = validate_size(asked).expect("not too large");
                let stack = layout.slot(size_log2) - layout.guard();
                assert!(stack >= asked.max(MIN_STACK) + EXTRA, "{asked} of {page}");
                assert!(stack.is_multiple_of(page), "{asked} of {page}");
            }
        }
    }

    #[test]
    fn slots_are_no_larger_than_they_must_be() {
        let slots = |page| {
            let layout = Layout::of_pages(page * KIB);
            [MIN_STACK, 64 * KIB, DEFAULT_STACK, MAIN_STACK]
                .map(|bytes| layout.slot(bytes.ilog2() as u8) / KIB)
        };
        assert_eq!(slots(4), [120, 152, 344, 8_280]);
        assert_eq!(slots(16), [128, 160, 352, 8_288]);
        assert_eq!(slots(64), [192, 256, 448, 8_384]);
    }
}
