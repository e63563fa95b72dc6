//! `select!` and `go!` keep their result while they drop what else they have: if one of those
//! destructors panics, the result is dropped like any value, and not forgotten.

use gort::channel::{SendError, select_biased};
use gort::prelude::*;
use gort::recover;
use gort_tests::{Counted, claims, settle};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// A value that panics when it is dropped, unless another one has already panicked.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            resume_unwind(Box::new("a destructor"));
        }
    }
}

impl Bomb {
    /// Returns `channel`. `Bomb.beside(channel)` is an operand with a temporary, which is a bomb.
    fn beside<'a, T>(&self, channel: &'a T) -> &'a T {
        channel
    }
}

/// Channels for one case: with a value, closed, full, and one that is never ready.
struct Channels {
    alive: Arc<AtomicUsize>,
    ready: Receiver<Counted>,
    closed: Sender<Counted>,
    full: Sender<Bomb>,
    _full: Receiver<Bomb>,
    idle: Receiver<()>,
    _idle: Sender<()>,
    empty: Sender<Counted>,
    _empty: Receiver<Counted>,
}

impl Channels {
    fn new() -> Self {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, ready) = bounded(1);
        assert!(tx.send(Counted::new(&alive)).is_ok());
        let (closed, _) = bounded(1);
        let ((full, _full), (_idle, idle), (empty, _empty)) = (bounded(0), bounded(0), bounded(0));
        Self {
            alive,
            ready,
            closed,
            full,
            _full,
            idle,
            _idle,
            empty,
            _empty,
        }
    }

    fn value(&self) -> Counted {
        Counted::new(&self.alive)
    }
}

/// Runs a select that has a result, while the destructor of another value panics. Checks that
/// nothing is left.
#[track_caller]
fn leaves_nothing<T>(case: &str, select: impl Fn(&Channels) -> T) {
    let channels = Channels::new();
    let caught = recover(|| drop(select(&channels)));
    assert!(caught.is_err(), "{case}: the destructor panics");
    drop(channels.ready.try_recv());
    assert_eq!(channels.alive.load(SeqCst), 0, "{case}: left behind");
}

type Received = Result<Counted, RecvError>;
type Sent = Result<(), SendError<Counted>>;

/// Returns `r`. This gives the select its type.
fn received(r: Received) -> Received {
    r
}

claims! {
    // FT09
    fn a_received_value_beside_a_temporary() {
        leaves_nothing("loser behind", |c| select! {
            r = <-c.ready => received(r),
            <-Bomb.beside(&c.idle) => Err(RecvError),
        });
        leaves_nothing("loser behind loser", |c| select! {
            <-c.idle => Err(RecvError),
            r = <-c.ready => received(r),
            <-Bomb.beside(&c.idle) => Err(RecvError),
        });
        leaves_nothing("its own temporary", |c| select! {
            <-c.idle => Err(RecvError),
            r = <-Bomb.beside(&c.ready) => received(r),
        });
        leaves_nothing("a sender's temporary", |c| select! {
            r = <-c.ready => received(r),
            Bomb.beside(&c.empty) <- c.value() => Err(RecvError),
        });
        leaves_nothing("an `Option`", |c| select! {
            r = <-Some(&c.ready) => received(r),
            <-Bomb.beside(&Some(&c.idle)) => Err(RecvError),
        });
        leaves_nothing("a pattern", |c| select! {
            Ok(v) = <-c.ready else { panic!("is open") } => v,
            <-Bomb.beside(&c.idle) => panic!("idle"),
        });
    }

    fn a_received_value_beside_a_value_that_is_not_sent() {
        leaves_nothing("loser behind", |c| select! {
            r = <-c.ready => received(r),
            c.full <- Bomb => Err(RecvError),
        });
        leaves_nothing("loser before", |c| select! {
            c.full <- Bomb => Err(RecvError),
            r = <-c.ready => received(r),
        });
        leaves_nothing("a guard", |c| select! {
            r = <-c.ready => received(r),
            c.full <- Bomb, if c.full.is_empty() => Err(RecvError),
        });
        leaves_nothing("both have guards", |c| select! {
            r = <-c.ready, if c.full.is_empty() => received(r),
            c.full <- Bomb, if c.full.is_empty() => Err(RecvError),
        });
    }

    fn a_received_value_with_every_other_arm_and_order() {
        leaves_nothing("default", |c| select! {
            r = <-c.ready => received(r),
            <-Bomb.beside(&c.idle) => Err(RecvError),
            default => Err(RecvError),
        });
        leaves_nothing("after", |c| select! {
            r = <-c.ready => received(r),
            c.full <- Bomb => Err(RecvError),
            after(Duration::from_secs(60)) => Err(RecvError),
        });
        leaves_nothing("the time-out's temporary", |c| select! {
            r = <-c.ready => received(r),
            after(*Bomb.beside(&Duration::from_secs(60))) => Err(RecvError),
        });
        leaves_nothing("biased", |c| select! {
            biased;
            r = <-c.ready => received(r),
            c.full <- Bomb => Err(RecvError),
        });
        leaves_nothing("select_biased!", |c| select_biased! {
            r = <-c.ready => received(r),
            <-Bomb.beside(&c.idle) => Err(RecvError),
        });
        leaves_nothing("cfg", |c| select! {
            #[cfg(all())]
            r = <-c.ready => received(r),
            #[cfg(all())]
            c.full <- Bomb => Err(RecvError),
        });
        leaves_nothing("crossbeam's", |c| select! {
            recv(c.ready) -> r => received(r),
            recv(Bomb.beside(&c.idle)) -> _ => Err(RecvError),
            default(Duration::from_secs(60)) => Err(RecvError),
        });
        leaves_nothing("a select in a select", |c| select! {
            r = <-c.ready => select! { <-c.idle => Err(RecvError), c.full <- Bomb => Err(RecvError), default => r },
        });
    }

    fn a_value_that_a_closed_channel_gives_back() {
        leaves_nothing("beside a temporary", |c| -> Sent { select! {
            r = c.closed <- c.value() => r,
            <-Bomb.beside(&c.idle) => Ok(()),
        } });
        leaves_nothing("beside a value", |c| -> Sent { select! {
            r = c.closed <- c.value() => r,
            c.full <- Bomb => Ok(()),
        } });
        leaves_nothing("a guard", |c| -> Sent { select! {
            r = c.closed <- c.value(), if c.full.is_empty() => r,
            <-Bomb.beside(&c.idle) => Ok(()),
        } });
        leaves_nothing("crossbeam's", |c| -> Sent { select! {
            send(c.closed, c.value()) -> r => r,
            recv(Bomb.beside(&c.idle)) -> _ => Ok(()),
        } });
    }

    // If the goroutine takes only a part of a clone, or nothing of it, `go!` drops the rest.
    fn the_handle_of_a_goroutine_beside_a_clone() {
        #[derive(Clone)]
        struct Parts {
            alive: Arc<AtomicUsize>,
            _bomb: Arming,
        }
        /// A value whose clones are bombs.
        struct Arming(Option<Bomb>);
        impl Clone for Arming {
            fn clone(&self) -> Self {
                Self(Some(Bomb))
            }
        }
        impl Arming {
            fn armed(&self) -> bool {
                self.0.is_some()
            }
        }
        let alive = Arc::new(AtomicUsize::new(0));
        let parts = Parts { alive: alive.clone(), _bomb: Arming(None) };
        assert!(!parts._bomb.armed());
        // A handle that is forgotten keeps the goroutine's result.
        let caught = recover(|| go!(clone [parts]; move || Counted::new(&parts.alive)));
        assert!(caught.is_err(), "the destructor panics");
        settle();
        assert_eq!(alive.load(SeqCst), 0, "the result is kept by a handle");
        let caught = recover(|| go!(name = "named", clone [parts]; { Counted::new(&parts.alive) }));
        assert!(caught.is_err(), "the destructor panics");
        settle();
        assert_eq!(alive.load(SeqCst), 0, "the result is kept by a handle");
    }
}
