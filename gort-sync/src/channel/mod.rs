//! Channels: crossbeam-channel's surface, plus Go's `close`.
//!
//! A channel moves values from any number of senders to any number of receivers. Each value goes to
//! one receiver, and values arrive in the order in which they were sent. Senders and receivers are
//! goroutines or plain threads, in any mixture.

mod at;
mod buffer;
pub(crate) mod chain;
mod counter;
mod direction;
mod done;
mod error;
mod hchan;
mod hint;
mod iter;
mod membership;
mod ops;
mod recv;
mod reserve;
pub(crate) mod ring;
mod send;
mod slots;
mod timer;

pub use crate::select::{Select, SelectedOperation};
pub(crate) use direction::Direction;
pub(crate) use done::{DoneEvent, How};
pub use error::{
    ReadyTimeoutError, RecvError, RecvTimeoutError, SelectTimeoutError, SendError,
    SendTimeoutError, TryReadyError, TryRecvError, TrySelectError, TrySendError,
};
pub(crate) use hchan::{Hchan, Tried};
pub use iter::{IntoIter, Iter, TryIter};
pub(crate) use membership::SELECT;
pub(crate) use ops::{Place, receive_promised};
pub use recv::Receiver;
pub(crate) use recv::{Source, instant_as};
pub(crate) use reserve::Reserved;
pub(crate) use ring::Attempt;
pub use send::Sender;
pub(crate) use timer::{Repeat, TimerChan, period_of};

use counter::Share;
use gort_runtime::{Home, instant_now};
use std::time::{Duration, Instant};

/// Creates a channel with room for `cap` values. With a capacity of 0, each send waits for a
/// receiver and hands it the value (a rendezvous). Go's `make(chan T, cap)`.
///
/// # Panics
/// Panics if there is not enough memory for `cap` values; the message ends in "size out of range".
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded(2);
/// go!(move || {
///     for n in 0..10 {
///         tx.send(n).unwrap(); // Waits while two values are in the buffer.
///     }
/// });
/// assert!(rx.iter().eq(0..10));
/// ```
#[must_use]
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    make(Hchan::bounded(Home::here(), cap))
}

/// Creates a [`bounded`] channel that any goroutine may use, even if the caller is in a bubble.
#[must_use]
pub(crate) fn bounded_outside<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    make(Hchan::bounded(Home::OUTSIDE, cap))
}

/// Creates a channel whose sends never wait. Go has no such channel.
///
/// ```
/// use gort::channel::unbounded;
///
/// let (tx, rx) = unbounded();
/// for n in 0..1_000 {
///     tx.send(n).unwrap(); // No receiver is waiting yet.
/// }
/// assert_eq!(rx.try_iter().sum::<i32>(), 499_500);
/// ```
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    make(Hchan::unbounded())
}

fn make<T>(chan: Hchan<T>) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = Share::pair(chan);
    (Sender::new(sender), Receiver::new(receiver))
}

/// Creates a channel that never delivers anything. Go's nil channel.
///
/// ```
/// use gort::channel::never;
/// use gort::prelude::*;
///
/// let limit: Option<Duration> = None;
/// let time_is_up = limit.map_or_else(never, gort::time::after);
/// let (tx, rx) = bounded(1);
/// tx.send(1).unwrap();
/// select! {
///     v = <-rx => assert_eq!(v, Ok(1)),
///     <-time_is_up => unreachable!("there is no limit"),
/// }
/// ```
#[must_use]
pub fn never<T>() -> Receiver<T> {
    Receiver::never()
}

/// Creates a channel that delivers one message, the due time, once `d` has passed. Go's
/// `time.After`.
///
/// ```
/// use gort::prelude::*;
/// use gort::time::after;
///
/// let (_tx, rx) = bounded::<i32>(0);
/// let limit = after(Duration::from_millis(1)); // One limit for everything below.
/// select! {
///     v = <-rx => println!("{v:?}"),
///     <-limit => println!("nobody has sent"),
/// }
/// ```
#[must_use]
pub fn after(d: Duration) -> Receiver<Instant> {
    match instant_now().checked_add(d) {
        Some(instant) => at(instant),
        // That time is later than the clock can represent, so the message never comes.
        None => never(),
    }
}

/// Creates a channel that delivers `instant` once, when that time has come.
///
/// ```
/// use gort::time::{at, now};
/// use std::time::Duration;
///
/// let due = now() + Duration::from_millis(1);
/// let alarm = at(due);
/// assert_eq!(alarm.recv(), Ok(due));
/// assert!(alarm.try_recv().is_err(), "it is delivered once");
/// ```
#[must_use]
pub fn at(instant: Instant) -> Receiver<Instant> {
    Receiver::at(instant)
}

/// Creates a channel that delivers an instant every `d`, for ever. The first one is due `d` from
/// now. A receiver that is late by `d` or more finds one message, and the next one is due `d` after
/// that message was taken.
///
/// If `d` is 0 there is always a message, as with crossbeam-channel's `tick`.
/// [`time::tick`](crate::time::tick) behaves as Go's `time.Tick` does.
///
/// ```
/// use gort::channel::tick;
/// use std::time::Duration;
///
/// let ticks = tick(Duration::from_millis(1));
/// let (first, second) = (ticks.recv().unwrap(), ticks.recv().unwrap());
/// assert!(second - first >= Duration::from_millis(1));
/// ```
#[must_use]
pub fn tick(d: Duration) -> Receiver<Instant> {
    Receiver::timer(TimerChan::new(d, Repeat::Afresh(period_of(d))))
}
