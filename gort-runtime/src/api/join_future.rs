//! A join handle as a future, for who awaits a goroutine in another executor.
//!
//! A goroutine's end is told on g0, where no waker may be called: that is code of the user's. So a goroutine of gort's
//! joins instead, leaves the result in a place that both share, and calls the waker of the last poll. It is
//! started by the first poll that finds that the end has not come.

use crate::api::handle::{Builder, JoinHandle};
use crate::api::joinerror::JoinError;
use crate::base::lock::Lock;
use crate::panics::unwind;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Waits, where it is awaited, for a goroutine's end, and gives its result: a [`JoinHandle`] as a future.
///
/// It occupies no thread while it waits, whatever executor polls it. Dropping it detaches the goroutine, as dropping the
/// handle does. While it waits, `runtime::goroutines` lists one goroutine more, named `await`.
///
/// # Panics
/// `poll` panics if it is called again after the result was given, and if no goroutine can be started.
///
/// ```
/// use gort::future::{JoinFuture, block_on};
/// use gort::prelude::*;
/// use std::future::IntoFuture;
///
/// let sum: JoinFuture<u64> = go!(|| (1..=10).sum()).into_future();
/// assert_eq!(block_on(sum).unwrap(), 55);
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct JoinFuture<T>(Stage<T>);

enum Stage<T> {
    New(JoinHandle<T>),
    Waiting(Arc<Meeting<T>>),
    Over,
}

/// Where the goroutine that joins leaves the result.
struct Meeting<T>(Lock<Meant<T>>);

struct Meant<T> {
    result: Option<Result<T, JoinError>>,
    /// Of the last poll.
    waker: Option<Waker>,
}

impl<T> Meeting<T> {
    fn new(waker: Waker) -> Self {
        Self(Lock::new(Meant {
            result: None,
            waker: Some(waker),
        }))
    }

    /// The result, or `waker` is called when it is there.
    fn poll(&self, waker: &Waker) -> Option<Result<T, JoinError>> {
        // To clone, call and drop a waker runs code of the user's: not under the lock.
        let waker = waker.clone();
        let _before;
        let mut meant = self.0.lock();
        let result = meant.result.take();
        if result.is_none() {
            _before = meant.waker.replace(waker);
        }
        drop(meant);
        result
    }

    fn tell(&self, result: Result<T, JoinError>) {
        let waker = {
            let mut meant = self.0.lock();
            meant.result = Some(result);
            meant.waker.take()
        };
        if let Some(waker) = waker {
            // Should it panic, the panic hook reports that: it is nobody's result.
            unwind::quietly(|| waker.wake());
        }
    }
}

impl<T: Send + 'static> IntoFuture for JoinHandle<T> {
    type Output = Result<T, JoinError>;
    type IntoFuture = JoinFuture<T>;

    /// A future that waits for the goroutine's end. In tokio and elsewhere: `handle.await`.
    ///
    /// ```
    /// use gort::future::block_on;
    /// use gort::prelude::*;
    ///
    /// async fn total(parts: Vec<JoinHandle<u32>>) -> Result<u32, JoinError> {
    ///     let mut total = 0;
    ///     for part in parts {
    ///         total += part.await?;
    ///     }
    ///     Ok(total)
    /// }
    ///
    /// let parts = (1..=3).map(|n| go!(move || n * n)).collect();
    /// assert_eq!(block_on(total(parts)).unwrap(), 14);
    /// ```
    fn into_future(self) -> JoinFuture<T> {
        JoinFuture(Stage::New(self))
    }
}

/// The handle and the meeting may be moved while they are in use.
impl<T> Unpin for JoinFuture<T> {}

impl<T: Send + 'static> Future for JoinFuture<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let stage = &mut self.0;
        let result = match std::mem::replace(stage, Stage::Over) {
            Stage::New(handle) if handle.is_finished() => Some(handle.join_leaving()),
            Stage::New(handle) => {
                let meeting = Arc::new(Meeting::new(context.waker().clone()));
                join(handle, Arc::clone(&meeting));
                *stage = Stage::Waiting(meeting);
                None
            }
            Stage::Waiting(meeting) => {
                let result = meeting.poll(context.waker());
                if result.is_none() {
                    *stage = Stage::Waiting(meeting);
                }
                result
            }
            Stage::Over => panic!("a goroutine's future was polled after it had given the result"),
        };
        result.map_or(Poll::Pending, Poll::Ready)
    }
}

/// Starts the goroutine that joins.
#[track_caller]
fn join<T: Send + 'static>(handle: JoinHandle<T>, meeting: Arc<Meeting<T>>) {
    let builder = Builder::new().name("await").inherits_nothing();
    if let Err(e) = builder.spawn(move || meeting.tell(handle.join())) {
        panic!("cannot start a goroutine that waits for another: {e}");
    }
}

impl<T> fmt::Debug for JoinFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("JoinFuture");
        if let Stage::New(handle) = &self.0 {
            tuple.field(handle);
        }
        tuple.finish_non_exhaustive()
    }
}
