//! How sysmon sleeps, and is woken.

use crate::base::note::Note;
use crate::base::prim::{
    AtomicBool,
    Ordering::{Acquire, Relaxed},
    const_unless_loom, hint,
};

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

    /// Sysmon, under the scheduler's lock: `sleep_until` follows.
    pub(super) fn about_to_sleep(&self) {
        self.parked.store(true, Relaxed);
    }

    /// Sysmon: sleeps until woken (true), or until the clock reads `deadline` (false). It may
    /// also be woken for nothing: by somebody who saw it asleep the last time.
    pub(crate) fn sleep_until(&self, deadline: u64) -> bool {
        self.note.sleep_until(deadline)
    }
}
