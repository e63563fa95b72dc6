//! Stacks, where each goroutine has a thread: those of the threads.
//!
//! What is left of `stack/` is how large they are. A thread's stack has the guard that the system gives it, and std says
//! when it overflows.

use crate::base::stackkind::StackKind;
use std::io;

/// Default stack of one goroutine.
pub(crate) const DEFAULT_STACK: usize = 256 * 1024;
/// Default stack of the main goroutine.
pub(crate) const MAIN_STACK: usize = 8 * 1024 * 1024;
/// The least that can be asked for.
const MIN_STACK: usize = 32 * 1024;
/// The largest stack that can be asked for.
pub(crate) const MAX_STACK: usize = 1 << 30;
/// Closures and results that are larger lie in a box.
pub(crate) const MAX_INLINE: usize = 1024;

/// What a thread gets on top: for what elsewhere runs on g0, and for frames of debug builds and instrumented ones, which
/// are several times as large.
const MORE: usize = 2 * 1024 * 1024;

/// Which stack a goroutine asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackSlot(StackKind);

impl StackSlot {
    /// One of this kind.
    pub(crate) const fn none(kind: StackKind) -> Self {
        Self(kind)
    }
}

/// Those that a P would keep.
#[derive(Debug)]
pub(crate) struct FreeStacks;

impl FreeStacks {
    pub(crate) fn new() -> Self {
        Self
    }
}

/// Bytes of stack of a thread that runs a goroutine of this kind.
pub(crate) fn size_of_thread(kind: StackKind) -> usize {
    (1 << kind.size_log2) + MORE
}

/// log2 of the size that somebody gets who asks for `bytes`.
pub(crate) fn validate_size(bytes: usize) -> io::Result<u8> {
    if bytes > MAX_STACK {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a goroutine stack of {bytes} bytes was asked for; the most is {MAX_STACK}"),
        ));
    }
    Ok(bytes.max(MIN_STACK).next_power_of_two().ilog2() as u8)
}

/// Nobody counts them.
pub(crate) fn reserved_bytes() -> usize {
    0
}

/// Always possible: each goroutine has its thread's.
pub(crate) fn ensure_identities() {}

/// std has installed its own.
pub(crate) fn install_overflow_handler() {}
