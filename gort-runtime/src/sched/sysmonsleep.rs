//! How sysmon sleeps, and is woken.

use crate::base::note::Note;
use crate::base::prim::{
    AtomicBool,
    Ordering::{Acquire, Relaxed},
    const_unless_loom, hint,
};
use crate::sched::state::{SCHED, Shared};

/// How sysmon sleeps, and is woken.
pub(crate) struct SysmonSleep {
    note: Note,
    /// Sysmon sleeps on the note; whoever clears it wakes it.
    parked: AtomicBool,
    /// Somebody has announced a blocking call since sysmon last looked.
    blocking: hint::AtomicBool,
}

impl SysmonSleep {
    const_unless_loom! {
        pub(super) fn new() -> Self {
            Self {
                note: Note::new(),
                parked: AtomicBool::new(false),
                blocking: hint::AtomicBool::new(false),
            }
        }
    }

    /// A P has left the idle list: there is something to watch again.
    #[inline]
    pub(crate) fn notice_busy(&self) {
        if self.parked.load(Relaxed) && self.parked.swap(false, Acquire) {
            self.note.wake();
        }
    }

    /// A goroutine is about to block: look more often.
    #[inline]
    pub(crate) fn notice_blocking(&self) {
        if !self.blocking.load(Relaxed) {
            self.blocking.store(true, Relaxed);
        }
    }

    /// Wakes sysmon for something else. May be called in a signal handler.
    pub(crate) fn wake(&self) {
        self.note.wake();
    }

    /// Sysmon: whether a blocking call was announced since it last asked.
    pub(crate) fn take_blocking(&self) -> bool {
        self.blocking.swap(false, Relaxed)
    }

    /// Sysmon: true if every P is idle. It sleeps then, and whoever takes a P out of the idle list wakes it:
    /// that needs the lock which `shared` shows to be held, so either it has, and this sees it, or it sees this.
    pub(crate) fn parks(&self, shared: &Shared) -> bool {
        let all_idle = shared.npidle() == SCHED.procs() && shared.surplus_held == 0;
        if all_idle {
            self.parked.store(true, Relaxed);
        }
        all_idle
    }

    /// Sysmon: sleeps until woken (true), or until the clock reads `deadline` (false). It may
    /// also be woken for nothing: by somebody who saw it asleep the last time.
    pub(crate) fn sleep_until(&self, deadline: u64) -> bool {
        self.note.sleep_until(deadline)
    }
}
