//! Iterators over a receiver.

use super::recv::Receiver;
use std::fmt;
use std::iter::FusedIterator;

/// An iterator that receives until the end of the channel, waiting for each value.
///
/// Returned by [`Receiver::iter`].
///
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded(0);
/// go!(move || (1..=3).try_for_each(|n| tx.send(n)));
/// for n in &rx {
///     println!("{n}");
/// }
/// assert_eq!(rx.iter().next(), None, "the sender has gone");
/// ```
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// An iterator that receives the values that are there, without waiting.
///
/// Returned by [`Receiver::try_iter`].
///
/// ```
/// use gort::channel::unbounded;
///
/// let (tx, rx) = unbounded();
/// tx.send(1).unwrap();
/// tx.send(2).unwrap();
/// assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 2]);
/// assert_eq!(rx.try_iter().next(), None, "nothing is there now");
/// ```
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// An iterator that receives until the end of the channel, and owns the receiver.
///
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded(0);
/// let printer = go!(move || {
///     for line in rx {
///         println!("{line}");
///     }
/// });
/// tx.send("a line").unwrap();
/// drop(tx);
/// printer.join().unwrap();
/// ```
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Receiver<T> {
    /// Returns an iterator that receives until the channel is drained, and either closed or without
    /// senders. Go's `range`.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// Returns an iterator that receives until no value is there, without waiting.
    ///
    /// ```
    /// use gort::channel::bounded;
    ///
    /// let (tx, rx) = bounded(10);
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// assert_eq!(rx.try_iter().sum::<i32>(), 3); // Only what is there; the channel stays open.
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for IntoIter<T> {}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Iter { .. }")
    }
}

impl<T> fmt::Debug for TryIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryIter { .. }")
    }
}

impl<T> fmt::Debug for IntoIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntoIter { .. }")
    }
}
