//! Waiting for permits.

use super::sema::{Refused, Sema, SemaState, asks};
use crate::waitlock::{End, Wait, Waited};
use gort_runtime::{Current, Nanos, WaitReason, now};
use std::panic::Location;

impl Sema {
    /// Takes `n` permits, waiting for them until `deadline` at most if there is one.
    #[cold]
    pub(super) fn acquire_slow(
        &self,
        n: usize,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<(), Refused> {
        let wait = Wait {
            current: &Current::new(WaitReason::Semacquire),
            until: deadline,
            home: self.state().home(),
            reason: WaitReason::Semacquire,
            site,
        };
        let state = self.state().lock();
        match self.try_locked(&state, n) {
            Err(Refused::NotNow) if deadline.is_some_and(|deadline| now() >= deadline) => {
                return Err(Refused::Timeout);
            }
            Err(Refused::NotNow) => {}
            tried => return tried,
        }
        match state.wait(wait, SemaState::queue, End::Back, asks(n)) {
            Waited::Woken(true) => Ok(()),
            Waited::Woken(false) => Err(Refused::Closed),
            Waited::Expired(state) => {
                // Waiters behind this one may have waited only because of it. Serve them now.
                self.serve_and_wake(state, 0);
                Err(Refused::Timeout)
            }
        }
    }
}
