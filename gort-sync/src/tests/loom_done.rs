//! Models of the real `channel/done.rs`.

use super::{Data, explore, explore_all};
use crate::channel::{DoneEvent, How, Receiver, RecvTimeoutError};
use crate::select::macro_support::recv;
use crate::select::{Order, Wait, select};
use gort_runtime::{Nanos, deadline_after};
use loom::thread::{self, JoinHandle};
use std::sync::Arc;
use std::time::Duration;

/// An event, and data that is written before it happens.
struct Event {
    event: Arc<DoneEvent>,
    done: Receiver<()>,
    cause: Data,
}

impl Event {
    fn new(due: Option<Nanos>) -> Arc<Self> {
        let event = Arc::new(DoneEvent::new(due));
        Arc::new(Self {
            done: Receiver::done(Arc::clone(&event)),
            event,
            cause: Data::new(),
        })
    }

    fn cancel(&self) {
        self.event.finish(How::Canceled, || self.cause.add_one());
    }

    /// Returns how the event came about, which never changes. Called after the event has happened.
    fn ended(&self) -> How {
        let how = self.event.how().unwrap();
        if how == How::Canceled {
            assert_eq!(self.cause.get(), 1);
        }
        how
    }

    fn recv(&self) -> How {
        assert!(self.done.recv().is_err());
        self.ended()
    }

    fn select(&self) -> How {
        let mut arm = recv(&self.done);
        assert_eq!(select([arm.enter()], Wait::Block, Order::Biased), Some(0));
        assert!(arm.take().is_err());
        self.ended()
    }

    fn poll(&self) -> Option<How> {
        self.event.how().map(|_| self.ended())
    }
}

fn with<R: 'static>(event: &Arc<Event>, f: impl FnOnce(&Event) -> R + 'static) -> JoinHandle<R> {
    let event = Arc::clone(event);
    thread::spawn(move || f(&event))
}

/// All waiters are woken, and see what was published. So does a thread that only asks.
#[test]
fn done_wakes_all() {
    explore(|| {
        let event = Event::new(None);
        let waiters = [with(&event, Event::recv), with(&event, Event::select)];
        event.cancel();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), How::Canceled);
        }
    });
    explore_all(|| {
        let event = Event::new(None);
        let asks = with(&event, Event::poll);
        event.cancel();
        asks.join().unwrap();
    });
}

/// Two threads cancel an event, which happens once.
#[test]
fn done_twice() {
    explore(|| {
        let event = Event::new(None);
        let cancelers = [0, 1].map(|_| with(&event, Event::cancel));
        assert_eq!(event.recv(), How::Canceled);
        for canceler in cancelers {
            canceler.join().unwrap();
        }
    });
}

/// A deadline meets a cancellation, and all threads agree on which of the two ended the event.
#[test]
fn done_when_due() {
    fn model(wait: fn(&Event) -> How) {
        let event = Event::new(Some(deadline_after(Duration::ZERO)));
        let waiter = with(&event, wait);
        let asks = with(&event, Event::poll);
        event.cancel();
        let how = waiter.join().unwrap();
        assert_eq!(event.ended(), how);
        let asked = asks.join().unwrap();
        assert!(asked.is_none_or(|asked| asked == how));
        if how == How::Expired {
            assert_eq!(event.cause.get(), 0);
        }
    }
    explore(|| model(Event::recv));
    explore(|| model(Event::select));
}

/// One waiter gives up, another does not.
#[test]
fn done_with_a_limit() {
    explore(|| {
        let event = Event::new(None);
        let unsteady = with(&event, |event| {
            match event.done.recv_timeout(Duration::ZERO) {
                Err(RecvTimeoutError::Disconnected) => {
                    event.ended();
                }
                other => assert_eq!(other, Err(RecvTimeoutError::Timeout)),
            }
        });
        let waiter = with(&event, Event::recv);
        event.cancel();
        unsteady.join().unwrap();
        assert_eq!(waiter.join().unwrap(), How::Canceled);
    });
}
