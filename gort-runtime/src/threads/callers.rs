//! The stack of the caller, if each goroutine is a thread. A debugger can show it; gort cannot.

/// Returns no addresses.
pub(crate) fn addresses_here() -> Box<[usize]> {
    Box::default()
}
