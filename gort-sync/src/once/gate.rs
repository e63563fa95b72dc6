//! A gate in front of work that is done once: it lets one caller at a time do the work, until one
//! has done it. `Once`, `OnceLock` and `LazyLock` wait on it.

use crate::prim::const_unless_loom;
use crate::waitlock::{End, Wait, WaitLock};
use crate::waitqueue::{WaitQueue, Wakes};
use crate::word::once::{Begun, Word};
use gort_runtime::{Current, Home, WaitReason, point};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr;

/// The state word, and the goroutines that wait for it to change.
pub(crate) struct Gate {
    word: Word,
    queue: WaitLock<WaitQueue>,
}

impl UnwindSafe for Gate {}
impl RefUnwindSafe for Gate {}

/// What happens if the work unwinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwound {
    /// The work counts as done.
    Done,
    /// The next caller tries again.
    Again,
}

/// The right, and the duty, to do the work. Dropping it ends the turn.
pub(crate) struct Turn<'a> {
    gate: &'a Gate,
    unwound: Unwound,
}

impl Gate {
    const_unless_loom! {
        /// Creates a gate whose work is not done.
        pub(crate) fn new() -> Self {
            Self {
                word: Word::new(),
                queue: WaitLock::new(Home::ANYWHERE, WaitQueue::new()),
            }
        }
    }

    /// Returns true if the work is done; the caller then sees its effects.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.word.is_done()
    }

    /// Like [`is_done`](Self::is_done), for callers that may ask in a loop: if the work is not
    /// done, this is a point at which an explored schedule may run another goroutine first.
    #[inline]
    pub(crate) fn look(&self) -> bool {
        if self.is_done() {
            return true;
        }
        point::point_in_drop("is it done", self);
        self.is_done()
    }

    /// Begins the work (`Some`), or waits until it is done.
    pub(crate) fn enter(
        &self,
        unwound: Unwound,
        site: &'static Location<'static>,
    ) -> Option<Turn<'_>> {
        point::point("sync.Once.Do", self, site);
        loop {
            match self.word.begin() {
                Begun::Ours => {
                    return Some(Turn {
                        gate: self,
                        unwound,
                    });
                }
                Begun::Done => return None,
                Begun::Theirs => self.wait(site),
            }
        }
    }

    /// Waits until the goroutine that does the work has ended it.
    fn wait(&self, site: &'static Location<'static>) {
        let wait = Wait {
            current: &Current::new(WaitReason::OnceDo),
            until: None,
            home: self.queue.home(),
            reason: WaitReason::OnceDo,
            site,
        };
        let queue = self.queue.lock();
        if self.word.announce() {
            queue.wait(wait, |queue| queue, End::Back, ptr::null_mut());
        }
    }

    #[cold]
    fn wake_all(&self) {
        let woken = Wakes::new();
        self.queue.lock().take_all(&woken);
        woken.wake_all();
    }
}

impl Turn<'_> {
    /// Ends the turn with the work done.
    pub(crate) fn done(mut self) {
        self.unwound = Unwound::Done;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        point::point_in_drop("sync.Once.Do ends", self.gate);
        if self.gate.word.end(self.unwound == Unwound::Done) {
            self.gate.wake_all();
        }
    }
}
