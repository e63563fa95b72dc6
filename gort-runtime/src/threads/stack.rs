//! Stacks, if goroutines are threads: those of the threads.
//!
//! Only the sizes are left of `stack/`. The system gives a thread's stack a guard, and std reports
//! an overflow.

use crate::base::stackkind::StackKind;
use std::io;

/// Default stack of one goroutine.
pub(crate) const DEFAULT_STACK: usize = 256 * 1024;
/// Default stack of the main goroutine.
pub(crate) const MAIN_STACK: usize = 8 * 1024 * 1024;
/// The smallest stack that can be asked for.
const MIN_STACK: usize = 32 * 1024;
/// The largest stack that can be asked for.
pub(crate) const MAX_STACK: usize = 1 << 30;
/// Closures and results that are larger than this are boxed.
pub(crate) const MAX_INLINE: usize = 1024;

/// What a thread gets in addition: for code that runs on g0 in the native mode, and for frames of
/// debug builds and instrumented builds, which are several times as large.
const EXTRA: usize = 2 * 1024 * 1024;

/// The stack that a goroutine asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackSlot(StackKind);

impl StackSlot {
    /// Creates a slot of this kind.
    pub(crate) const fn none(kind: StackKind) -> Self {
        Self(kind)
    }
}

/// The free stacks of a P: none are kept.
#[derive(Debug)]
pub(crate) struct FreeStacks;

impl FreeStacks {
    pub(crate) fn new() -> Self {
        Self
    }
}

/// Returns the stack size, in bytes, of a thread that runs a goroutine of this kind.
pub(crate) fn size_of_thread(kind: StackKind) -> usize {
    (1 << kind.size_log2) + EXTRA
}

/// Returns log2 of the size of a stack for which `bytes` were asked.
pub(crate) fn validate_size(bytes: usize) -> io::Result<u8> {
    if bytes > MAX_STACK {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a goroutine stack of {bytes} bytes was asked for; the maximum is {MAX_STACK}"),
        ));
    }
    Ok(bytes.max(MIN_STACK).next_power_of_two().ilog2() as u8)
}

/// Returns 0: stacks are not counted.
pub(crate) fn reserved_bytes() -> usize {
    0
}

/// Does nothing: each goroutine has the thread-locals of its own thread.
pub(crate) fn ensure_identities() {}

/// Does nothing: std has installed its own handler.
pub(crate) fn install_overflow_handler() {}
