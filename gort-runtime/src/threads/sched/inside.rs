//! Entering the runtime, if goroutines are threads: there is no P to take. The names are those of
//! `sched/inside.rs`.

use crate::proc::m::M;
use crate::proc::p::P;
use crate::proc::tls;

/// Witness that the code runs inside the runtime, on a goroutine's thread.
pub(crate) struct Inside(&'static M);

impl Inside {
    /// Enters the runtime. Returns `None` on a plain thread.
    #[inline]
    pub(crate) fn enter() -> Option<Self> {
        tls::getm().map(Self)
    }

    /// Returns `None`: there are no Ps.
    pub(crate) fn try_enter() -> Option<(Self, &'static P)> {
        None
    }

    /// Returns `None`: there are no Ps.
    #[inline]
    pub(crate) fn p(&self) -> Option<&'static P> {
        None
    }

    /// Returns the thread's M.
    #[inline]
    pub(crate) fn m(&self) -> &'static M {
        self.0
    }

    /// Returns `true`. There is nothing to leave.
    pub(crate) fn is_outermost(&self) -> bool {
        true
    }

    /// Gives up the entry before a call of `mcall`.
    #[inline]
    pub(crate) fn into_switch(self) -> &'static M {
        self.0
    }

    /// Returns `None`: there is no P to offer.
    pub(crate) fn offer_p() -> Option<u64> {
        None
    }

    /// Leaves the runtime.
    #[inline]
    pub(crate) fn finish(self) {}
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {}
}
