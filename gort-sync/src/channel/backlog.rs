//! The buffer of an unbounded channel, which shrinks when it has far more memory than it needs.
//!
//! The buffer doubles when it is full and is halved when it is less than a quarter full, so the
//! memory of a burst is given back while the channel lives on. After either change it is half full,
//! so a value is moved at most twice, on average, between its arrival and its departure.

use std::collections::VecDeque;

/// Capacity that is never given back, however few values there are.
const KEPT: usize = 64;

/// Values that wait for a receiver, the oldest first.
pub(super) struct Backlog<T>(VecDeque<T>);

impl<T> Backlog<T> {
    /// Creates an empty backlog, which has no memory yet.
    pub(super) fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(super) fn push(&mut self, value: T) {
        self.0.push_back(value);
    }

    /// Removes and returns the oldest value.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        let (len, capacity) = (self.0.len(), self.0.capacity());
        // A `VecDeque` of zero-sized values has an unlimited capacity.
        if size_of::<T>() != 0 && len < capacity / 4 && capacity > KEPT {
            self.0.shrink_to(capacity / 2);
        }
        // This must be the last statement, so that the value is moved directly into the caller's
        // place: the value may be large, and the stack small.
        self.0.pop_front()
    }

    /// Takes out all values; the caller drops them.
    pub(super) fn take(&mut self) -> VecDeque<T> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_less_than_an_eighth_full_but_when_small() {
        let mut backlog = Backlog::new();
        let (mut next, mut first) = (0_u32, 0);
        for burst in [10, 10_000, 100, 100_000] {
            for _ in 0..burst {
                backlog.push(next);
                next += 1;
            }
            while backlog.len() > 5 {
                assert_eq!(backlog.pop(), Some(first));
                first += 1;
                let (len, capacity) = (backlog.len(), backlog.0.capacity());
                assert!(
                    capacity <= KEPT || len >= capacity / 8,
                    "{len} of {capacity}"
                );
            }
        }
    }

    #[test]
    fn values_without_a_size_need_no_room() {
        let mut backlog = Backlog::new();
        (0..1000).for_each(|_| backlog.push(()));
        assert_eq!(std::iter::from_fn(|| backlog.pop()).count(), 1000);
        assert!(backlog.is_empty());
    }
}
