//! How sysmon sleeps and is woken.

use crate::base::note::Note;
use crate::base::prim::{
    AtomicBool,
    Ordering::{Acquire, Relaxed},
    const_unless_loom, hint,
};

/// How sysmon sleeps and is woken.
pub(crate) struct SysmonSleep {
    note: Note,
    /// Whether sysmon sleeps on the note. The thread that clears this wakes sysmon.
    parked: AtomicBool,
    /// Whether a goroutine has announced a blocking call since sysmon last looked.
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

    /// Wakes sysmon if it is parked: a P has left the idle list, so there is something to watch
    /// again.
    #[inline]
    pub(crate) fn notice_busy(&self) {
        if self.parked.load(Relaxed) && self.parked.swap(false, Acquire) {
            self.note.wake();
        }
    }

    /// Makes sysmon look more often: a goroutine is about to block.
    #[inline]
    pub(crate) fn notice_blocking(&self) {
        if !self.blocking.load(Relaxed) {
            self.blocking.store(true, Relaxed);
        }
    }

    /// Wakes sysmon for another reason. May be called in a signal handler.
    pub(crate) fn wake(&self) {
        self.note.wake();
    }

    /// Returns whether a blocking call was announced since sysmon last asked.
    pub(crate) fn take_blocking(&self) -> bool {
        self.blocking.swap(false, Relaxed)
    }

    /// Marks sysmon as asleep. Sysmon calls this under the scheduler's lock, before `sleep_until`.
    pub(super) fn about_to_sleep(&self) {
        self.parked.store(true, Relaxed);
    }

    /// Sleeps until sysmon is woken (`true`), or until the clock reads `deadline` (`false`). A
    /// thread that saw `parked` during an earlier sleep may wake sysmon without a reason.
    pub(crate) fn sleep_until(&self, deadline: u64) -> bool {
        self.note.sleep_until(deadline)
    }
}
