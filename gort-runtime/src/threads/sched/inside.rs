//! Entering the runtime, where there is no P that somebody could take. The names are those of `sched/inside.rs`.

use crate::proc::m::M;
use crate::proc::p::P;
use crate::proc::tls;

/// Inside the runtime, on a goroutine's thread, until dropped.
pub(crate) struct Inside(&'static M);

impl Inside {
    /// Enters; `None` on a plain thread.
    #[inline]
    pub(crate) fn enter() -> Option<Self> {
        tls::getm().map(Self)
    }

    /// None.
    #[inline]
    pub(crate) fn p(&self) -> Option<&'static P> {
        None
    }

    /// The thread's.
    #[inline]
    pub(crate) fn m(&self) -> &'static M {
        self.0
    }

    /// There is nothing to leave.
    pub(crate) fn is_outermost(&self) -> bool {
        true
    }

    /// For a call of `mcall`.
    #[inline]
    pub(crate) fn into_switch(self) -> &'static M {
        self.0
    }

    /// Leaves.
    #[inline]
    pub(crate) fn finish(self) {}
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {}
}
