//! Futures and goroutines: [`block_on`] waits for a future, and async code can await a
//! [`JoinHandle`](crate::JoinHandle).

pub use gort_runtime::JoinFuture;

use crate::channel::{Receiver, Sender};
use gort_runtime::{MayWait, WaitReason};
use gort_sync::outside::bounded;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Runs a future to completion on the calling goroutine or thread. tokio's `Handle::block_on`; Go
/// has no futures.
///
/// The caller polls the future. Between polls the goroutine parks (a plain thread blocks) until the
/// future asks to be polled again.
///
/// Futures that use sockets or timers of tokio or another executor need that executor's threads
/// running elsewhere in the program. Hand such a future to its executor, and wait here for its
/// task. The guide has [an example](crate::guide::coming_from_crossbeam_and_tokio#beside-tokio).
///
/// The future runs on the goroutine's stack, so it may call operations that wait. Such an operation
/// parks the goroutine, and the future is not polled until it returns. If the future also uses
/// thread-locals, as everything in tokio does, give the goroutine
/// [its own](crate::guide::thread_locals).
///
/// # Panics
/// Panics if the future panics, and on the system stack, where nothing may wait.
///
/// # Examples
/// ```
/// use gort::future::block_on;
///
/// async fn answer() -> u32 {
///     42
/// }
/// assert_eq!(block_on(answer()), 42);
/// ```
#[track_caller]
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    let _ = MayWait::check(WaitReason::ChanReceive);
    let output;
    {
        let mut future = pin!(future.into_future());
        let signal = Arc::new(Signal::new());
        let waker = Waker::from(Arc::clone(&signal));
        let mut context = Context::from_waker(&waker);
        output = loop {
            if let Poll::Ready(output) = poll(future.as_mut(), &mut context) {
                break output;
            }
            signal.wait();
        };
        // Drops the future here: if its destructor panicked while `output` was being returned, the
        // output would be lost.
    }
    output
}

/// Polls the future. Never inlined: the future may use thread-locals, and the compiler must not
/// keep their addresses across the wait between two polls.
#[inline(never)]
fn poll<F: Future>(future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(context)
}

/// Asks `block_on` to poll again. A channel of capacity 1: a wake-up before the wait is not lost,
/// and several wake-ups become one.
struct Signal {
    tx: Sender<()>,
    rx: Receiver<()>,
}

impl Signal {
    fn new() -> Self {
        let (tx, rx) = bounded(1);
        Self { tx, rx }
    }

    #[track_caller]
    fn wait(&self) {
        // Cannot fail: `self` holds the sender, so the channel is open.
        let _open = self.rx.recv();
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Full: `block_on` already knows that it has to poll again.
        let _pending = self.tx.try_send(());
    }
}
