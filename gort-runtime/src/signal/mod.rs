//! Signals that somebody waits for. What receives them is `gort-sync`'s; here is what the kernel is told.

pub(crate) mod catch;
pub(crate) mod mask;
pub(crate) mod start;

/// The bit of a signal in a set.
pub(crate) const fn bit(signal: libc::c_int) -> u64 {
    1 << (signal - 1)
}

/// All signals but those of faults, which a blocked one would make fatal.
pub(crate) const ALL_BUT_FAULTS: u64 = !(bit(libc::SIGSEGV)
    | bit(libc::SIGBUS)
    | bit(libc::SIGFPE)
    | bit(libc::SIGILL)
    | bit(libc::SIGTRAP));
