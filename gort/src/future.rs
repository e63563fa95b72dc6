//! Futures in a program of goroutines: [`block_on`] waits for one, and a [`JoinHandle`](crate::JoinHandle) is one for others.

pub use gort_runtime::JoinFuture;

use crate::channel::{Receiver, Sender};
use gort_runtime::{MayWait, WaitReason};
use gort_sync::outside::bounded;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Runs a future to its end: polls it here, and parks the goroutine (or blocks the plain
/// thread) until it asks to be polled again. tokio's `Handle::block_on`; Go has no futures.
///
/// Futures of tokio's or another executor's sockets and timers need that executor's
/// threads to be running elsewhere in the program: hand the future to it and wait here for its task. The guide has
/// [an example](crate::guide::coming_from_crossbeam_and_tokio#beside-tokio).
///
/// The future runs on the goroutine's stack, so it may call what waits: that parks the goroutine, and polls nothing
/// meanwhile. If it also uses thread-locals, as everything of tokio's does, let the goroutine have
/// [its own](crate::guide::thread_locals).
///
/// # Panics
/// If the future does; on the system stack, where nothing may wait.
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
        // The future goes here: an output that is being returned would be lost if that panics.
    }
    output
}

/// Polls. Never inlined: a future may use thread-locals, whose addresses must not be kept over the wait between two polls.
#[inline(never)]
fn poll<F: Future>(future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(context)
}

/// "Poll again": a channel of one, so that a wake-up before the wait is not lost, and many are one.
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
        // It stays open: its sender is beside it.
        let _open = self.rx.recv();
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Full: the wish is known already.
        let _known = self.tx.try_send(());
    }
}
