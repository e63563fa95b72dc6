//! Single-threaded channels with the interface that the real `select/send.rs` uses.

use crate::Waiter;
use crate::select::arm::{Arm, Selectable};
use crate::sudog::{SelectWord, Sudog};
use crate::waitqueue::Wakes;
use crate::{Home, RawLock};
use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::rc::Rc;

#[derive(Debug, PartialEq)]
pub struct SendError<T>(pub T);
#[derive(Debug, PartialEq)]
pub struct RecvError;

pub(crate) type Place<T> = UnsafeCell<MaybeUninit<T>>;

pub(crate) enum Tried {
    Done,
    Full,
    Closed,
}

/// The outcome of `push`, as in the real ring.
pub(crate) enum Attempt {
    Done,
    NotReady,
    Closed,
    Slow,
}

#[derive(Clone, Copy)]
pub(crate) enum Direction {
    Send,
}

/// Stands in for the state that the real channel's lock protects. Here nothing is locked.
pub(crate) struct ChanState;

pub(crate) struct Hchan<T> {
    state: ChanState,
    buffer: RefCell<VecDeque<T>>,
    capacity: usize,
    closed: Cell<bool>,
    senders: RefCell<Vec<*const Sudog>>,
}

impl<T> Hchan<T> {
    pub(crate) fn home(&self) -> Home {
        Home
    }

    pub(crate) fn lock_for_select(&self) -> &RawLock {
        &RawLock
    }

    pub(crate) fn send_hint(&self) -> bool {
        !self.closed.get() && self.buffer.borrow().len() < self.capacity
    }

    /// Returns the ring. In the real channel it is a field.
    pub(crate) fn ring(&self) -> Option<&Self> {
        (self.capacity != 0).then_some(self)
    }

    /// Returns the chain of an unbounded channel. No channel is unbounded here.
    pub(crate) fn chain(&self) -> Option<&Self> {
        None
    }

    /// # Safety
    /// `elem` points to a value, which has been moved out if the answer is `Done`.
    pub(crate) unsafe fn push(&self, elem: *mut T) -> Attempt {
        if !self.senders.borrow().is_empty() {
            return Attempt::Slow;
        }
        // SAFETY: the caller promises that `elem` points to a value.
        match unsafe { self.try_send_locked(&self.state, elem, &Wakes) } {
            Tried::Done => Attempt::Done,
            Tried::Full => Attempt::NotReady,
            Tried::Closed => Attempt::Closed,
        }
    }

    /// # Safety
    /// There are no requirements here; the real function has some.
    pub(crate) unsafe fn state(&self) -> &ChanState {
        &self.state
    }

    /// # Safety
    /// `elem` points to a value, which has been moved out if the answer is `Done`.
    pub(crate) unsafe fn try_send_locked(&self, _: &ChanState, elem: *mut T, _: &Wakes) -> Tried {
        if self.closed.get() {
            return Tried::Closed;
        }
        if self.buffer.borrow().len() == self.capacity {
            return Tried::Full;
        }
        // SAFETY: the caller promises that `elem` points to a value; it is moved once.
        self.buffer.borrow_mut().push_back(unsafe { elem.read() });
        Tried::Done
    }

    /// # Safety
    /// The record must stay valid until `dequeue`.
    pub(crate) unsafe fn enqueue(&self, _: &ChanState, _: Direction, sg: &Sudog) {
        self.senders.borrow_mut().push(sg);
    }

    /// # Safety
    /// There are no requirements here; the real function has some.
    pub(crate) unsafe fn dequeue(&self, _: &ChanState, _: Direction, sg: &Sudog) {
        self.senders
            .borrow_mut()
            .retain(|one| !std::ptr::eq(*one, sg));
    }

    fn pop(&self) -> Option<Result<T, RecvError>> {
        let value = self.buffer.borrow_mut().pop_front();
        value
            .map(Ok)
            .or(self.closed.get().then_some(Err(RecvError)))
    }
}

pub struct Sender<T>(Rc<Hchan<T>>);
pub struct Receiver<T>(Rc<Hchan<T>>);

pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let chan = Rc::new(Hchan {
        state: ChanState,
        buffer: RefCell::default(),
        capacity,
        closed: Cell::new(false),
        senders: RefCell::default(),
    });
    (Sender(Rc::clone(&chan)), Receiver(chan))
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Sender<T> {
    pub(crate) fn chan(&self) -> &Hchan<T> {
        &self.0
    }

    pub fn close(&self) {
        self.0.closed.set(true);
        for sg in self.0.senders.take() {
            // SAFETY: the record is valid, since the select has not dequeued it.
            unsafe { (*sg).win() };
        }
    }
}

impl<T> Receiver<T> {
    /// Takes a value from the buffer, or from a select that waits to send one.
    pub fn take(&self) -> Option<T> {
        if let Some(Ok(value)) = self.0.pop() {
            return Some(value);
        }
        let sg = self.0.senders.borrow_mut().pop()?;
        // SAFETY: the record is valid, since the select has not dequeued it, and its arm has its
        // value.
        unsafe {
            if !(*sg).win() {
                return None;
            }
            let value = (*sg).elem.get().cast::<T>().read();
            (*sg).success.set(true);
            Some(value)
        }
    }
}

/// A receiving arm. It enters no queue.
pub struct Taking<'a, T>(&'a Hchan<T>, RefCell<Option<Result<T, RecvError>>>);

impl<T> Selectable for Receiver<T> {
    type Output = Result<T, RecvError>;
    type Arm<'a>
        = Taking<'a, T>
    where
        Self: 'a;

    fn arm(&self) -> Taking<'_, T> {
        Taking(&self.0, RefCell::new(None))
    }

    fn take<'a>(arm: &mut Taking<'a, T>) -> Self::Output
    where
        Self: 'a,
    {
        arm.1.take().unwrap()
    }
}

// SAFETY: there is only one thread, and the arm is in no queue.
unsafe impl<T> Arm for Taking<'_, T> {
    fn home(&self) -> Home {
        Home
    }

    fn lock(&self) -> Option<&RawLock> {
        None
    }

    unsafe fn poll(&self, _: &Wakes) -> bool {
        *self.1.borrow_mut() = self.0.pop();
        self.1.borrow().is_some()
    }

    unsafe fn enqueue(&self, _: Waiter, _: &SelectWord, _: usize) {}

    unsafe fn dequeue(&self) {}
}
