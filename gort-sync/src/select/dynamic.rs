//! [`Select`]: operations that are known only at run time. crossbeam-channel's `Select`.
//!
//! Here the user comes by the value only when a send has been chosen, so that is done by a
//! reservation (`promise.rs`). A receive performs itself, and its value lies in the arm until
//! it is asked for.
//!
//! `ready` is a select among arms that perform nothing ([`Observing`]).

use super::case::Case;
use super::operand::{DynArm, Observing, Operand};
use super::pass::{Order, Wait, block_forever, select_among};
use crate::channel::{
    ReadyTimeoutError, Receiver, RecvError, Reserved, SelectTimeoutError, SendError, Sender,
    TryReadyError, TrySelectError,
};
use gort_runtime::instant_now;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

/// Selects from a set of operations that is put together at run time.
///
/// Use `select!` where the operations are known when the program is written. As there, one
/// of the operations that can go is chosen at random, unless the select is
/// [biased](Self::new_biased). Go's `reflect.Select`.
///
/// ```
/// use gort::channel::{Select, unbounded};
///
/// let channels: Vec<_> = (0..3).map(|_| unbounded()).collect();
/// channels[1].0.send("hello").unwrap();
///
/// let mut select = Select::new();
/// for (_, rx) in &channels {
///     select.recv(rx);
/// }
/// let operation = select.select();
/// let (_, rx) = &channels[operation.index()];
/// assert_eq!(operation.recv(rx), Ok("hello"));
/// ```
pub struct Select<'a> {
    /// By their indices; `None`: removed.
    operations: Vec<Option<&'a (dyn Operand + Sync)>>,
    order: Order,
}

impl<'a> Select<'a> {
    /// No operations yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            operations: Vec::new(),
            order: Order::Random,
        }
    }

    /// No operations yet; of several that can go, the one that was added first is chosen.
    ///
    /// ```
    /// use gort::channel::{Select, unbounded};
    ///
    /// let (urgent, first) = unbounded();
    /// let (normal, second) = unbounded();
    /// normal.send(2).unwrap();
    /// urgent.send(1).unwrap();
    /// let mut select = Select::new_biased();
    /// select.recv(&first);
    /// select.recv(&second);
    /// let operation = select.select();
    /// assert_eq!(operation.index(), 0);
    /// assert_eq!(operation.recv(&first), Ok(1));
    /// ```
    #[must_use]
    pub fn new_biased() -> Self {
        Self {
            operations: Vec::new(),
            order: Order::Biased,
        }
    }

    /// Adds a send; answers its index. (`T: Send`, so that the select itself is.)
    pub fn send<T: Send>(&mut self, sender: &'a Sender<T>) -> usize {
        self.add(sender)
    }

    /// Adds a receive; answers its index.
    pub fn recv<T: Send>(&mut self, receiver: &'a Receiver<T>) -> usize {
        self.add(receiver)
    }

    fn add(&mut self, operand: &'a (dyn Operand + Sync)) -> usize {
        self.operations.push(Some(operand));
        self.operations.len() - 1
    }

    /// Removes an operation, so that a channel that is closed, and thereby always ready, is
    /// not chosen again and again. The indices of the others do not change.
    ///
    /// # Panics
    /// If there is no operation with this index.
    ///
    /// # Examples
    /// Merges channels until all of them are closed:
    ///
    /// ```
    /// use gort::channel::{Select, bounded};
    ///
    /// let receivers: Vec<_> = (0..3)
    ///     .map(|n| {
    ///         let (tx, rx) = bounded(1);
    ///         tx.send(n).unwrap();
    ///         rx
    ///     })
    ///     .collect();
    /// let mut select = Select::new();
    /// for rx in &receivers {
    ///     select.recv(rx);
    /// }
    /// let (mut open, mut sum) = (receivers.len(), 0);
    /// while open > 0 {
    ///     let operation = select.select();
    ///     let index = operation.index();
    ///     match operation.recv(&receivers[index]) {
    ///         Ok(n) => sum += n,
    ///         Err(_) => {
    ///             select.remove(index);
    ///             open -= 1;
    ///         }
    ///     }
    /// }
    /// assert_eq!(sum, 3);
    /// ```
    pub fn remove(&mut self, index: usize) {
        let known = self.operations.len();
        assert!(index < known, "index out of bounds; {index} >= {known}");
        let removed = self.operations[index].take();
        assert!(removed.is_some(), "no operation with this index");
    }

    /// Chooses an operation that can go without waiting. It must be completed.
    ///
    /// # Errors
    /// If there is none.
    ///
    /// # Examples
    /// ```
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(1);
    /// let mut select = Select::new();
    /// select.send(&tx);
    /// match select.try_select() {
    ///     Ok(operation) => operation.send(&tx, "a value").unwrap(),
    ///     Err(_) => println!("no room now"),
    /// }
    /// assert_eq!(rx.recv(), Ok("a value"));
    /// ```
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        self.choose(Wait::Default).ok_or(TrySelectError)
    }

    /// Chooses an operation, waiting for one. It must be completed. Without operations it
    /// waits for ever.
    #[track_caller]
    pub fn select(&mut self) -> SelectedOperation<'a> {
        self.wait_for_ever_if_empty();
        match self.choose(Wait::Block) {
            Some(operation) => operation,
            None => unreachable!("a select without a time-out chooses"),
        }
    }

    /// Chooses an operation, waiting for at most `timeout`. It must be completed.
    ///
    /// # Errors
    /// If the time is up.
    ///
    /// # Examples
    /// ```
    /// use gort::channel::{Select, bounded};
    /// use std::time::{Duration, Instant};
    ///
    /// let (_tx, rx) = bounded::<i32>(1);
    /// let mut select = Select::new();
    /// select.recv(&rx);
    /// let limit = Duration::from_millis(1);
    /// assert!(select.select_timeout(limit).is_err());
    /// assert!(select.select_deadline(Instant::now() + limit).is_err());
    /// ```
    #[track_caller]
    pub fn select_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.choose(Wait::Timeout(timeout))
            .ok_or(SelectTimeoutError)
    }

    /// Chooses an operation, waiting until `deadline` at most. It must be completed.
    ///
    /// # Errors
    /// If the time is up.
    #[track_caller]
    pub fn select_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.select_timeout(deadline.saturating_duration_since(instant_now()))
    }

    /// The index of an operation that can go without waiting. Nothing is performed, so
    /// somebody else may have been faster when the caller tries it.
    ///
    /// # Errors
    /// If there is none.
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        self.observe(Wait::Default).ok_or(TryReadyError)
    }

    /// Waits until an operation can go, or may be able to: try it, and come back if it
    /// cannot.
    ///
    /// ```
    /// use gort::channel::{Select, bounded};
    ///
    /// let (tx, rx) = bounded(1);
    /// tx.send(1).unwrap();
    /// let mut select = Select::new();
    /// let index = select.recv(&rx);
    /// let got = loop {
    ///     assert_eq!(select.ready(), index);
    ///     // Another receiver may be faster.
    ///     if let Ok(n) = rx.try_recv() {
    ///         break n;
    ///     }
    /// };
    /// assert_eq!(got, 1);
    /// assert!(select.try_ready().is_err());
    /// ```
    #[track_caller]
    pub fn ready(&mut self) -> usize {
        self.wait_for_ever_if_empty();
        match self.observe(Wait::Block) {
            Some(index) => index,
            None => unreachable!("a select without a time-out chooses"),
        }
    }

    /// As [`ready`](Self::ready), for at most `timeout`.
    ///
    /// # Errors
    /// If the time is up.
    ///
    /// # Examples
    /// ```
    /// use gort::channel::{Select, bounded};
    /// use std::time::{Duration, Instant};
    ///
    /// let (tx, rx) = bounded(1);
    /// let mut select = Select::new();
    /// let index = select.recv(&rx);
    /// let limit = Duration::from_millis(1);
    /// assert!(select.ready_timeout(limit).is_err());
    /// tx.send(1).unwrap();
    /// assert_eq!(select.ready_deadline(Instant::now() + limit), Ok(index));
    /// ```
    #[track_caller]
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        self.observe(Wait::Timeout(timeout))
            .ok_or(ReadyTimeoutError)
    }

    /// As [`ready`](Self::ready), until `deadline` at most.
    ///
    /// # Errors
    /// If the time is up.
    #[track_caller]
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.ready_timeout(deadline.saturating_duration_since(instant_now()))
    }

    /// So that a report says what it is.
    #[track_caller]
    fn wait_for_ever_if_empty(&self) {
        if self.present().next().is_none() {
            block_forever();
        }
    }

    /// Operations that have not been removed, with their indices.
    fn present(&self) -> impl Iterator<Item = (usize, &'a (dyn Operand + Sync))> {
        let all = self.operations.iter().enumerate();
        all.filter_map(|(index, operand)| Some((index, (*operand)?)))
    }

    #[track_caller]
    fn choose(&self, wait: Wait) -> Option<SelectedOperation<'a>> {
        let mut arms: Vec<_> = self.present().map(|(_, operand)| operand.arm()).collect();
        // SAFETY: the arms are new, so they have been in no select; the cases are not used again.
        let chosen = unsafe {
            let cases = arms.iter_mut().map(|arm| Case::of(&mut **arm));
            select_among(&mut cases.collect::<Vec<_>>(), wait, self.order)?
        };
        let (index, operand) = self.present().nth(chosen)?;
        Some(SelectedOperation {
            arm: Some(arms.swap_remove(chosen)),
            index,
            handle: ptr::from_ref(operand).cast(),
            _operand: PhantomData,
        })
    }

    #[track_caller]
    fn observe(&self, wait: Wait) -> Option<usize> {
        let arms = self.present().map(|(_, operand)| Observing::new(operand));
        let mut arms: Vec<_> = arms.collect();
        // SAFETY: the arms are new, so they have been in no select; the cases are not used again.
        let chosen = unsafe {
            let cases = arms.iter_mut().map(|arm| Case::of(arm));
            select_among(&mut cases.collect::<Vec<_>>(), wait, self.order)?
        };
        Some(self.present().nth(chosen)?.0)
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Select<'_> {
    fn clone(&self) -> Self {
        Self {
            operations: self.operations.clone(),
            order: self.order,
        }
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Select { .. }")
    }
}

/// An operation that a [`Select`] has chosen, and that the caller has to complete, with the
/// channel end that was added to the select.
///
/// # Panics
/// Dropping it without completing it panics.
///
/// # Examples
/// ```
/// use gort::channel::{Select, bounded};
///
/// let ((tx, _full), (_open, rx)) = (bounded(1), bounded::<i32>(1));
/// let mut select = Select::new();
/// let sends = select.send(&tx);
/// select.recv(&rx);
/// let operation = select.select();
/// if operation.index() == sends {
///     operation.send(&tx, 1).unwrap();
/// } else {
///     println!("{:?}", operation.recv(&rx));
/// }
/// ```
#[must_use = "the operation must be completed, by `send` or `recv`"]
pub struct SelectedOperation<'a> {
    arm: Option<Box<dyn DynArm + 'a>>,
    index: usize,
    /// The address of the channel end.
    handle: *const (),
    _operand: PhantomData<&'a ()>,
}

impl SelectedOperation<'_> {
    /// The index that the operation got when it was added.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Completes a send.
    ///
    /// # Errors
    /// If the channel is closed or has no receivers; the error carries the value.
    ///
    /// # Panics
    /// If `sender` is not the very one that was added to the select.
    pub fn send<T>(mut self, sender: &Sender<T>, value: T) -> Result<(), SendError<T>> {
        assert!(
            ptr::eq(self.handle, ptr::from_ref(sender).cast()),
            "passed a sender that wasn't selected"
        );
        let reserved = self
            .arm
            .take()
            .map_or(Reserved::Closed, |mut arm| arm.reserved());
        sender
            .chan()
            .send_reserved(reserved, value)
            .map_err(SendError)
    }

    /// Completes a receive.
    ///
    /// # Errors
    /// If the channel is drained, and closed or without senders.
    ///
    /// # Panics
    /// If `receiver` is not the very one that was added to the select.
    pub fn recv<T>(mut self, receiver: &Receiver<T>) -> Result<T, RecvError> {
        assert!(
            ptr::eq(self.handle, ptr::from_ref(receiver).cast()),
            "passed a receiver that wasn't selected"
        );
        let mut place = MaybeUninit::<T>::uninit();
        // SAFETY: the operand at that address is borrowed for as long as this operation lives, so nothing
        // but the operand lies there, and as `receiver` has its address it is the `Receiver<T>` that made the
        // arm. So `place` is one for the arm's value; it is filled if the answer is true.
        unsafe {
            let arm = self.arm.take();
            if arm.is_some_and(|mut arm| arm.take_into(place.as_mut_ptr().cast())) {
                Ok(place.assume_init())
            } else {
                Err(RecvError)
            }
        }
    }
}

impl Drop for SelectedOperation<'_> {
    fn drop(&mut self) {
        if self.arm.take().is_some() && !thread::panicking() {
            panic!("dropped `SelectedOperation` without completing the operation");
        }
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SelectedOperation { .. }")
    }
}
