//! The real arms, with a single-threaded choice.

#[path = "../../../gort-sync/src/select/arm.rs"]
pub mod arm;
#[path = "../../../gort-sync/src/select/case.rs"]
pub mod case;
#[path = "../../../gort-sync/src/select/macro_support.rs"]
pub mod macro_support;
#[path = "../../../gort-sync/src/select/send.rs"]
pub mod send;

use crate::sudog::SelectWord;
use crate::waitqueue::Wakes;
use crate::{PEER, Waiter};
use case::Case;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

pub mod promise {
    //! A minimal version of the arm whose value is evaluated after the choice: it reserves a place
    //! in the buffer.

    use super::arm::Arm;
    use crate::channel::{Hchan, SendError, Sender, Tried};
    use crate::sudog::SelectWord;
    use crate::waitqueue::Wakes;
    use crate::{Home, RawLock, Waiter};
    use std::mem::ManuallyDrop;

    pub struct PromiseArm<'a, T>(Option<&'a Hchan<T>>);

    impl<'a, T> PromiseArm<'a, T> {
        pub(super) fn new(sender: Option<&'a Sender<T>>) -> Self {
            Self(sender.map(Sender::chan))
        }

        pub(super) fn complete(&mut self, value: T) -> Result<(), SendError<T>> {
            let mut value = ManuallyDrop::new(value);
            let elem = &raw mut *value;
            // SAFETY: the pointer is to a value, which is forgotten if it was sent.
            match self
                .0
                .map(|chan| unsafe { chan.try_send_locked(chan.state(), elem, &Wakes) })
            {
                Some(Tried::Done) => Ok(()),
                _ => Err(SendError(ManuallyDrop::into_inner(value))),
            }
        }
    }

    // SAFETY: the arm is always ready, so it is never enqueued.
    unsafe impl<T> Arm for PromiseArm<'_, T> {
        fn home(&self) -> Home {
            Home
        }

        fn lock(&self) -> Option<&RawLock> {
            None
        }

        unsafe fn poll(&self, _: &Wakes) -> bool {
            self.0.is_some()
        }

        unsafe fn enqueue(&self, _: Waiter, _: &SelectWord, _: usize) {}

        unsafe fn dequeue(&self) {}
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Wait {
    Block,
    Default,
    Timeout(Duration),
}

#[derive(Clone, Copy, PartialEq)]
pub enum Order {
    Random,
    Biased,
}

/// Tries the arms in turn. Unless the order is biased, each call starts with a different arm.
pub fn choose<const N: usize>(arms: [Case<'_>; N], wait: Wait, order: Order) -> Option<usize> {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let first = match order {
        Order::Random => TURN.fetch_add(1, Relaxed),
        Order::Biased => 0,
    };
    let all = 0..arms.len();
    // As in the real `choose`: tries an arm without the lock if possible, unless the order is
    // biased.
    let ready = |at: &usize| {
        let arm = &arms[*at].0;
        let alone = order == Order::Random && arm.readiness() != arm::Readiness::Unready;
        // SAFETY: no arm has been chosen. There is only one thread, so no lock has to be held.
        let tried = if alone {
            unsafe { arm.try_unlocked() }
        } else {
            None
        };
        // SAFETY: as above.
        tried.unwrap_or_else(|| unsafe { arm.poll(&Wakes) })
    };
    if let Some(at) = all.clone().map(|at| (at + first) % all.len()).find(ready) {
        return Some(at);
    }
    if wait == Wait::Default {
        return None;
    }
    let word = SelectWord::default();
    for (case, arm) in arms.iter().enumerate() {
        // SAFETY: as above. The arms and the word do not move until `dequeue`.
        unsafe { arm.0.enqueue(Waiter, &word, case) };
    }
    if let Some(peer) = PEER.take() {
        peer();
    }
    for arm in &arms {
        // SAFETY: as above.
        unsafe { arm.0.dequeue() };
    }
    assert!(
        word.0.get().is_some() || wait != Wait::Block,
        "waits for ever"
    );
    word.0.get()
}

pub fn block_forever() -> ! {
    panic!("waits for ever")
}
