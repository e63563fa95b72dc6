//! The stack of the caller, where each goroutine has a thread: a debugger shows it, gort does not.

/// No addresses.
pub(crate) fn addresses_here() -> Box<[usize]> {
    Box::default()
}
