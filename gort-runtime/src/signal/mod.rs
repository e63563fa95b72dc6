//! Signals: the part that concerns the kernel. `gort-sync` has the receivers.

pub(crate) mod catch;
pub(crate) mod mask;
pub(crate) mod start;

/// Returns the bit of a signal in a set.
pub(crate) const fn bit(signal: libc::c_int) -> u64 {
    1 << (signal - 1)
}

/// All signals except those of faults: a fault whose signal is blocked kills the process.
pub(crate) const ALL_BUT_FAULTS: u64 = !(bit(libc::SIGSEGV)
    | bit(libc::SIGBUS)
    | bit(libc::SIGFPE)
    | bit(libc::SIGILL)
    | bit(libc::SIGTRAP));
