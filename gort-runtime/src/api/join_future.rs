//! A join handle as a future, for code that awaits a goroutine in another executor.
//!
//! A goroutine's end is announced on g0, where no waker may be called because wakers are user code.
//! So gort starts another goroutine, which joins. It leaves the result in an object that it shares
//! with the future, and calls the waker of the last poll. The first poll that finds the awaited
//! goroutine still running starts the one that joins.

use crate::api::handle::{Builder, JoinHandle};
use crate::api::joinerror::JoinError;
use crate::base::lock::Lock;
use crate::panics::unwind;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A [`JoinHandle`] as a future: waits for a goroutine's end and returns its result.
///
/// It occupies no thread while it waits, whatever executor polls it. Dropping it detaches the
/// goroutine, as dropping the handle does. While it waits, `runtime::goroutines` lists one more
/// goroutine, named `await`.
///
/// # Panics
/// `poll` panics if it is called again after it has returned the result, and if no goroutine can be
/// started.
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
    Waiting(Arc<Shared<T>>),
    Over,
}

/// The object in which the goroutine that joins leaves the result.
struct Shared<T>(Lock<State<T>>);

struct State<T> {
    result: Option<Result<T, JoinError>>,
    /// The waker of the last poll.
    waker: Option<Waker>,
}

impl<T> Shared<T> {
    fn new(waker: Waker) -> Self {
        Self(Lock::new(State {
            result: None,
            waker: Some(waker),
        }))
    }

    /// Returns the result. If it is not there yet, `waker` is called when it is.
    fn poll(&self, waker: &Waker) -> Option<Result<T, JoinError>> {
        // Cloning, calling or dropping a waker runs user code, so none of it is done under the
        // lock.
        let waker = waker.clone();
        let _before;
        let mut state = self.0.lock();
        let result = state.result.take();
        if result.is_none() {
            _before = state.waker.replace(waker);
        }
        drop(state);
        result
    }

    fn complete(&self, result: Result<T, JoinError>) {
        let waker = {
            let mut state = self.0.lock();
            state.result = Some(result);
            state.waker.take()
        };
        if let Some(waker) = waker {
            // If the waker panics, the panic hook reports that. The panic does not become part of
            // the goroutine's result.
            unwind::quietly(|| waker.wake());
        }
    }
}

impl<T: Send + 'static> IntoFuture for JoinHandle<T> {
    type Output = Result<T, JoinError>;
    type IntoFuture = JoinFuture<T>;

    /// Returns a future that waits for the goroutine's end. As in tokio: `handle.await`.
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

/// The handle and the shared object may be moved while they are in use.
impl<T> Unpin for JoinFuture<T> {}

impl<T: Send + 'static> Future for JoinFuture<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let stage = &mut self.0;
        let result = match std::mem::replace(stage, Stage::Over) {
            Stage::New(handle) if handle.is_finished() => Some(handle.join_leaving()),
            Stage::New(handle) => {
                let shared = Arc::new(Shared::new(context.waker().clone()));
                join(handle, Arc::clone(&shared));
                *stage = Stage::Waiting(shared);
                None
            }
            Stage::Waiting(shared) => {
                let result = shared.poll(context.waker());
                if result.is_none() {
                    *stage = Stage::Waiting(shared);
                }
                result
            }
            Stage::Over => panic!("a `JoinFuture` was polled after it had returned its result"),
        };
        result.map_or(Poll::Pending, Poll::Ready)
    }
}

/// Starts the goroutine that joins.
#[track_caller]
fn join<T: Send + 'static>(handle: JoinHandle<T>, shared: Arc<Shared<T>>) {
    let builder = Builder::new().name("await").inherits_nothing();
    if let Err(e) = builder.spawn(move || shared.complete(handle.join())) {
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
