//! `JoinSet`: goroutines of one kind, whose results are taken as they end.
//!
//! - `members.rs`: the protocol: the members, those that have ended, and the waiters.
//! - `arm.rs`: `<-set` in a select.

mod arm;
mod members;

pub use arm::JoinNextArm;

use crate::waitlock::{End, Wait, WaitLock, Waited};
use crate::waitqueue::Wakes;
use gort_runtime::{
    Builder, Current, Goroutine, GoroutineId, Home, JoinError, JoinHandle, WaitReason, discard,
    point, raise,
};
use members::{Members, NextMember, SetMember};
use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;

/// A set of goroutines whose results are taken in the order in which they end. This is tokio's
/// `JoinSet`, except that no goroutine is aborted. A Go program uses an errgroup or a channel of
/// results instead.
///
/// All methods except [`join_all`](Self::join_all) take `&self`: members may add members through an
/// `Arc` of the set. Dropping the set detaches its members, and what they return is dropped when
/// they end.
///
/// In `select!`, `r = <-set` returns what [`join_next`](Self::join_next) returns. That includes
/// `None` at once for an empty set: if the set may be empty, write
/// `r = <-set, if !set.is_empty() => …`.
///
/// # Examples
/// ```
/// use gort::JoinSet;
/// use gort::prelude::*;
///
/// let set = JoinSet::new();
/// for n in 1..=3 {
///     set.spawn(move || n * n);
/// }
/// assert_eq!(set.len(), 3);
/// let mut sum = 0;
/// while let Some(square) = set.join_next() {
///     sum += square.unwrap();
/// }
/// assert_eq!(sum, 14);
/// assert!(set.is_empty());
///
/// set.spawn(|| 7);
/// select! {
///     square = <-set => assert_eq!(square.unwrap().unwrap(), 7),
///     after(Duration::from_secs(10)) => panic!("too slow"),
/// }
/// ```
pub struct JoinSet<T> {
    shared: Arc<SetShared<T>>,
}

/// What a set shares with its members.
struct SetShared<T> {
    members: WaitLock<Members<T>>,
}

impl<T> SetShared<T> {
    /// Removes the next member ([`Members::next`]).
    fn next(&self, may_wait: bool) -> NextMember<T> {
        let wakes = Wakes::new();
        let next = self.members.lock().next(may_wait, &wakes);
        wakes.wake_all();
        next
    }
}

/// Returns the result of a member that was removed from the set. If the member's goroutine has not
/// quite ended, waits for its end.
fn finish<T>(handle: JoinHandle<T>) -> Result<T, JoinError> {
    if handle.is_leaving() {
        handle.join_leaving()
    } else {
        handle.join()
    }
}

impl<T> JoinSet<T> {
    /// Creates an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(SetShared {
                members: WaitLock::new(Home::here(), Members::new()),
            }),
        }
    }

    /// Starts a goroutine as a member of the set.
    ///
    /// # Panics
    /// Panics if the system has no room for another stack. The set is then unchanged.
    #[track_caller]
    pub fn spawn<F>(&self, f: F) -> GoroutineId
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        /// Removes the member again unless it has started, even if a destructor of the function's
        /// captures panics.
        struct Entered<'a, T>(&'a SetShared<T>, usize, Option<JoinHandle<T>>);
        impl<T> Drop for Entered<'_, T> {
            fn drop(&mut self) {
                let wakes = Wakes::new();
                let mut members = self.0.members.lock();
                match self.2.take() {
                    Some(handle) => members.started(self.1, handle, &wakes),
                    None => members.not_started(self.1, &wakes),
                }
                drop(members);
                wakes.wake_all();
            }
        }

        let at = self.shared.members.lock().enter();
        let mut entered = Entered(&self.shared, at, None);
        let member = SetMember {
            set: Arc::clone(&self.shared),
            at,
        };
        let run = move || {
            // This is dropped last, after everything that the function owns.
            let _member = member;
            f()
        };
        match Builder::new().spawn(run) {
            Ok(handle) => {
                let id = handle.goroutine().id();
                entered.2 = Some(handle);
                id
            }
            Err(e) => panic!("cannot start a goroutine: {e}"),
        }
    }

    /// Waits until a member has ended, and returns its result. Returns `None` if the set is empty,
    /// or becomes empty while the call waits.
    ///
    /// # Errors
    /// The result is an error if the member panicked or called `goexit`, as for
    /// [`JoinHandle::join`].
    ///
    /// # Examples
    /// ```
    /// use gort::{JoinSet, goexit};
    ///
    /// let set = JoinSet::new();
    /// set.spawn(|| goexit());
    /// assert!(set.join_next().unwrap().unwrap_err().is_exited());
    /// assert!(set.join_next().is_none());
    /// # set.spawn(|| ());
    /// ```
    #[track_caller]
    pub fn join_next(&self) -> Option<Result<T, JoinError>> {
        self.next().map(|(_, result)| result)
    }

    /// Does what `join_next` does, and also returns whose result it is.
    #[track_caller]
    fn next(&self) -> Option<(Goroutine, Result<T, JoinError>)> {
        point::point_of_all("join", Location::caller());
        let current = Current::new(WaitReason::JoinSetNext);
        let wait = Wait {
            current: &current,
            until: None,
            home: self.shared.members.home(),
            reason: WaitReason::JoinSetNext,
            site: Location::caller(),
        };
        let mut end = End::Back;
        loop {
            let wakes = Wakes::new();
            let mut members = self.shared.members.lock();
            match members.next(true, &wakes) {
                NextMember::Ended(handle) => {
                    drop(members);
                    wakes.wake_all();
                    return Some((handle.goroutine(), finish(handle)));
                }
                NextMember::Never => return None,
                NextMember::NotYet => {
                    let waited =
                        members.wait(wait, |members| &mut members.waiters, end, ptr::null_mut());
                    if let Waited::Woken(true) = waited {
                        // The set was empty.
                        return None;
                    }
                    end = End::Front;
                }
            }
        }
    }

    /// Returns the result of a member that has ended, if there is one. Does not wait.
    ///
    /// ```
    /// use gort::{JoinSet, yield_now};
    ///
    /// let set = JoinSet::new();
    /// set.spawn(|| 1);
    /// let result = loop {
    ///     match set.try_join_next() {
    ///         Some(result) => break result,
    ///         None => yield_now(),
    ///     }
    /// };
    /// assert_eq!(result.unwrap(), 1);
    /// assert!(set.try_join_next().is_none(), "it is empty");
    /// ```
    #[track_caller]
    pub fn try_join_next(&self) -> Option<Result<T, JoinError>> {
        point::point_of_all("join", Location::caller());
        match self.shared.next(false) {
            NextMember::Ended(handle) => Some(finish(handle)),
            NextMember::NotYet | NextMember::Never => None,
        }
    }

    /// Returns the number of members whose results have not been taken, whether they still run or
    /// have ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.members.lock().len()
    }

    /// Returns true if all results have been taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for all members, and returns what they returned, in the order in which they ended.
    ///
    /// # Panics
    /// If members panicked, passes on the panic of the one that ended first. Otherwise, if a member
    /// exited, panics because it has no value. All members have ended by then.
    ///
    /// # Examples
    /// ```
    /// use gort::JoinSet;
    ///
    /// let set = JoinSet::new();
    /// for n in 0..10 {
    ///     set.spawn(move || n);
    /// }
    /// let mut all = set.join_all();
    /// all.sort();
    /// assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    /// ```
    #[track_caller]
    pub fn join_all(self) -> Vec<T> {
        let mut values = Vec::new();
        let mut panic: Option<Box<dyn Any + Send>> = None;
        let mut exited = None;
        while let Some((goroutine, result)) = self.next() {
            match result.map_err(JoinError::try_into_panic) {
                Ok(value) => values.push(value),
                Err(Ok(payload)) if panic.is_none() => panic = Some(payload),
                Err(Ok(payload)) => discard(payload),
                Err(Err(_exited)) => exited = exited.or(Some(goroutine)),
            }
        }
        if panic.is_none() && exited.is_none() {
            return values;
        }
        // The values are dropped before the unwind: a destructor that panics during an unwind would
        // abort.
        discard(values);
        if let Some(payload) = panic {
            raise(payload);
        }
        let who = exited.map_or_else(String::new, |goroutine| match goroutine.name() {
            Some(name) => format!("{} {name:?}", goroutine.id()),
            None => goroutine.id().to_string(),
        });
        panic!("`join_all` has no value from goroutine {who}, which called `goexit`");
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        // The lock is released before the handles, and the results that were not taken, are
        // dropped.
        let gone = self.shared.members.lock().let_go();
        drop(gone);
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
