//! [`Select`]: operations that are known only at run time. crossbeam-channel's `Select`.
//!
//! With `Select`, the user supplies the value of a send only after the send has been chosen, so a
//! send is chosen by a reservation (`promise.rs`). A receive is performed by the select; its value
//! stays in the arm until it is asked for.
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
/// Use `select!` if the operations are known when the program is written. As with the macro, one of
/// the operations that are ready is chosen at random, unless the select is
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
    /// The operations by their indices; `None` if removed.
    operations: Vec<Option<&'a (dyn Operand + Sync)>>,
    order: Order,
}

impl<'a> Select<'a> {
    /// Creates a select without operations.
    #[must_use]
    pub fn new() -> Self {
        Self {
            operations: Vec::new(),
            order: Order::Random,
        }
    }

    /// Creates a biased select without operations: of several that are ready, it chooses the one
    /// that was added first.
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

    /// Adds a send and returns its index. (`T: Send`, so that the select itself is `Send`.)
    pub fn send<T: Send>(&mut self, sender: &'a Sender<T>) -> usize {
        self.add(sender)
    }

    /// Adds a receive and returns its index.
    pub fn recv<T: Send>(&mut self, receiver: &'a Receiver<T>) -> usize {
        self.add(receiver)
    }

    fn add(&mut self, operand: &'a (dyn Operand + Sync)) -> usize {
        self.operations.push(Some(operand));
        self.operations.len() - 1
    }

    /// Removes an operation, so that a channel that is closed, and therefore always ready, is not
    /// chosen again and again. The indices of the other operations do not change.
    ///
    /// # Panics
    /// Panics if there is no operation with this index.
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

    /// Chooses an operation that is possible without waiting. The caller must complete it.
    ///
    /// # Errors
    /// Returns an error if no operation is possible without waiting.
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

    /// Chooses an operation, waiting for one. The caller must complete it. Waits for ever if the
    /// select has no operations.
    #[track_caller]
    pub fn select(&mut self) -> SelectedOperation<'a> {
        self.wait_for_ever_if_empty();
        match self.choose(Wait::Block) {
            Some(operation) => operation,
            None => unreachable!("a select without a time limit always chooses an operation"),
        }
    }

    /// Chooses an operation, waiting for at most `timeout`. The caller must complete it.
    ///
    /// # Errors
    /// Returns an error if no operation was possible in time.
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

    /// Chooses an operation, waiting until `deadline` at most. The caller must complete it.
    ///
    /// # Errors
    /// Returns an error if no operation was possible in time.
    #[track_caller]
    pub fn select_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.select_timeout(deadline.saturating_duration_since(instant_now()))
    }

    /// Returns the index of an operation that is possible without waiting. Nothing is performed, so
    /// the operation may no longer be possible when the caller tries it.
    ///
    /// # Errors
    /// Returns an error if no operation is possible without waiting.
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        self.observe(Wait::Default).ok_or(TryReadyError)
    }

    /// Waits until an operation is possible, or may be, and returns its index. The caller tries the
    /// operation, and calls `ready` again if it is not possible.
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
            None => unreachable!("a select without a time limit always chooses an operation"),
        }
    }

    /// Like [`ready`](Self::ready), but waits for at most `timeout`.
    ///
    /// # Errors
    /// Returns an error if no operation was possible in time.
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

    /// Like [`ready`](Self::ready), but waits until `deadline` at most.
    ///
    /// # Errors
    /// Returns an error if no operation was possible in time.
    #[track_caller]
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.ready_timeout(deadline.saturating_duration_since(instant_now()))
    }

    /// Waits for ever if there are no operations, with a reason of its own for deadlock reports.
    #[track_caller]
    fn wait_for_ever_if_empty(&self) {
        if self.present().next().is_none() {
            block_forever();
        }
    }

    /// Returns the operations that have not been removed, with their indices.
    fn present(&self) -> impl Iterator<Item = (usize, &'a (dyn Operand + Sync))> {
        let all = self.operations.iter().enumerate();
        all.filter_map(|(index, operand)| Some((index, (*operand)?)))
    }

    #[track_caller]
    fn choose(&self, wait: Wait) -> Option<SelectedOperation<'a>> {
        let mut arms: Vec<_> = self.present().map(|(_, operand)| operand.arm()).collect();
        // SAFETY: the arms are new, so they have not been in a select. The cases are not used
        // again.
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
        // SAFETY: the arms are new, so they have not been in a select. The cases are not used
        // again.
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

/// An operation that a [`Select`] has chosen. The caller must complete it with the channel end that
/// was added to the select.
///
/// # Panics
/// Panics when it is dropped without having been completed.
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
    /// Returns the index that the operation got when it was added.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Completes a send.
    ///
    /// # Errors
    /// Returns an error if the channel is closed or has no receivers. The error carries the value.
    ///
    /// # Panics
    /// Panics if `sender` is not the sender that was added to the select (a clone does not count).
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
    /// Returns an error if the channel is drained, and either closed or without senders.
    ///
    /// # Panics
    /// Panics if `receiver` is not the receiver that was added to the select (a clone does not
    /// count).
    pub fn recv<T>(mut self, receiver: &Receiver<T>) -> Result<T, RecvError> {
        assert!(
            ptr::eq(self.handle, ptr::from_ref(receiver).cast()),
            "passed a receiver that wasn't selected"
        );
        let mut place = MaybeUninit::<T>::uninit();
        // SAFETY: the operand is borrowed for the lifetime of this operation, so nothing else can
        // be at its address. `receiver` has that address, so it is the `Receiver<T>` that made the
        // arm. So `place` is a place for the arm's value, and is filled if `take_into` returns
        // true.
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
