//! Ownership of Ps, if goroutines are threads: there are no Ps to take. The names are those of
//! `proc/ownership.rs`.

/// One M's half of the protocol.
#[derive(Debug)]
pub(crate) struct Ownership(());

impl Ownership {
    pub(crate) const fn new() -> Self {
        Self(())
    }

    /// Does nothing: there is no P to lend.
    pub(crate) fn lend(&self) {}

    /// Returns `false`: there are no Ps.
    pub(crate) fn is_lent(&self) -> bool {
        false
    }

    /// Marks the return to user code.
    pub(crate) fn leave(&self) {}
}
