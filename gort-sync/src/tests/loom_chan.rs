//! Models of channels, with the real `hchan.rs`, `ops.rs`, `ring.rs` and `sudog.rs`.

use super::{Token, explore, explore_all, explore_large};
use crate::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, unbounded};
use loom::thread::{self, JoinHandle};
use std::sync::Arc;
use std::time::Duration;

/// Both handles of a channel. Threads share them. Another model drops handles during use.
pub(super) struct Chan {
    pub(super) tx: Sender<Token>,
    pub(super) rx: Receiver<Token>,
}

impl Chan {
    pub(super) fn new(cap: usize) -> Arc<Self> {
        let (tx, rx) = bounded(cap);
        Arc::new(Self { tx, rx })
    }

    pub(super) fn unbounded() -> Arc<Self> {
        let (tx, rx) = unbounded();
        Arc::new(Self { tx, rx })
    }

    /// Returns true if the value was sent; otherwise the value came back.
    pub(super) fn send(&self, name: u32) -> bool {
        match self.tx.send(Token::new(name)) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.0.name(), name);
                false
            }
        }
    }

    pub(super) fn recv(&self) -> Option<u32> {
        self.rx.recv().ok().map(Token::name)
    }

    /// Sends without waiting. Returns true if there was room.
    fn try_send(&self, name: u32) -> bool {
        match self.tx.try_send(Token::new(name)) {
            Ok(()) => true,
            Err(TrySendError::Full(value) | TrySendError::Disconnected(value)) => {
                assert_eq!(value.name(), name);
                false
            }
        }
    }

    fn recv_timeout(&self) -> Result<u32, RecvTimeoutError> {
        self.rx.recv_timeout(Duration::ZERO).map(Token::name)
    }
}

/// Starts a thread that works on `chan`.
pub(super) fn with<R: 'static>(
    chan: &Arc<Chan>,
    f: impl FnOnce(&Chan) -> R + 'static,
) -> JoinHandle<R> {
    let chan = Arc::clone(chan);
    thread::spawn(move || f(&chan))
}

#[test]
fn chan_rendezvous() {
    explore_all(|| {
        let chan = Chan::new(0);
        let sender = with(&chan, |chan| chan.send(1));
        assert_eq!(chan.recv(), Some(1));
        assert!(sender.join().unwrap());
    });
}

#[test]
fn chan_rendezvous_back_and_forth() {
    explore(|| {
        let (there, back) = (Chan::new(0), Chan::new(0));
        let echo = Arc::clone(&back);
        let echo = with(&there, move |there| {
            while let Some(name) = there.recv() {
                assert!(echo.send(name + 1));
            }
        });
        assert!(there.send(1));
        assert_eq!(back.recv(), Some(2));
        there.tx.close();
        echo.join().unwrap();
    });
}

#[test]
fn chan_close_wakes_a_sender() {
    explore_all(|| {
        let chan = Chan::new(0);
        let sender = with(&chan, |chan| chan.send(1));
        assert!(chan.tx.close());
        assert!(!sender.join().unwrap());
    });
}

/// One of two receivers gets the only value, and the close wakes the other one.
#[test]
fn chan_close_wakes_the_receiver_that_gets_nothing() {
    fn model(cap: usize) {
        let chan = Chan::new(cap);
        let receivers = [0, 1].map(|_| with(&chan, Chan::recv));
        assert!(chan.send(1));
        chan.tx.close();
        let received = receivers.map(|it| it.join().unwrap());
        assert_eq!(received.into_iter().flatten().collect::<Vec<_>>(), [1]);
    }
    explore(|| model(0));
}

/// The close of a ring wakes its receiver. There is only one, because two that spin at once are too
/// much for loom (`mod.rs`).
#[test]
fn chan_close_of_a_ring_wakes_a_receiver() {
    explore(|| {
        let chan = Chan::new(1);
        let receiver = with(&chan, |chan| [chan.recv(), chan.recv()]);
        assert!(chan.send(1));
        chan.tx.close();
        assert_eq!(receiver.join().unwrap(), [Some(1), None]);
    });
}

/// Two senders use one place in the buffer, and both must wait for it.
#[test]
fn chan_senders_wait_for_room() {
    explore_large(|| {
        let chan = Chan::new(1);
        let senders = [10, 20].map(|from| {
            with(&chan, move |chan| {
                assert!(chan.send(from));
                assert!(chan.send(from + 1));
            })
        });
        let received: Vec<u32> = (0..4).map(|_| chan.recv().unwrap()).collect();
        let of = |from| received.iter().filter(move |&&name| name / 10 * 10 == from);
        assert!(of(10).eq(&[10, 11]));
        assert!(of(20).eq(&[20, 21]));
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

/// A sender that never waits sends into a ring, while a receiver may wait there. Fails if
/// `buffer_pop` looks before it arrests.
#[test]
fn chan_a_receiver_waits_for_a_sender_that_polls() {
    explore(|| {
        let chan = Chan::new(2);
        let receiver = with(&chan, |chan| [chan.recv(), chan.recv()]);
        assert!(chan.try_send(1));
        assert!(chan.try_send(2));
        assert_eq!(receiver.join().unwrap(), [Some(1), Some(2)]);
    });
}

/// A full ring is closed while a sender waits and a receiver drains.
#[test]
fn chan_close_of_a_full_ring() {
    explore(|| {
        let chan = Chan::new(1);
        assert!(chan.send(1));
        let sender = with(&chan, |chan| chan.send(2));
        let receiver = with(&chan, Chan::recv);
        chan.tx.close();
        let mut received = vec![receiver.join().unwrap().unwrap()];
        let sent = sender.join().unwrap();
        received.extend(std::iter::from_fn(|| chan.recv()));
        assert_eq!(received, if sent { vec![1, 2] } else { vec![1] });
    });
}

/// Either the time is up or the value is received, not both.
#[test]
fn chan_receive_with_a_limit() {
    fn model(cap: usize) {
        let chan = Chan::new(cap);
        let sender = with(&chan, |chan| chan.send(1));
        let received = chan.recv_timeout();
        chan.tx.close();
        let sent = sender.join().unwrap();
        let received = match received {
            Ok(name) => Some(name),
            Err(error) => {
                assert_eq!(error, RecvTimeoutError::Timeout);
                chan.recv()
            }
        };
        assert_eq!(received, sent.then_some(1));
    }
    explore(|| model(0));
    explore(|| model(1));
}

/// The last handle of a side is dropped while the other side sends.
#[test]
fn chan_dropped_while_others_use_it() {
    fn model(cap: usize) {
        let (tx, rx) = bounded(cap);
        let second = tx.clone();
        let senders = [(tx, 1), (second, 2)]
            .map(|(tx, name)| thread::spawn(move || tx.send(Token::new(name)).is_ok()));
        let first = rx.recv().unwrap().name();
        assert!(first == 1 || first == 2);
        drop(rx);
        let sent = senders.map(|it| it.join().unwrap());
        assert!(sent[first as usize - 1]);
        assert!(cap != 0 || sent.contains(&false));
    }
    explore_large(|| model(0));
    explore_large(|| model(1));
}

#[test]
fn chan_senders_gone_wake_a_receiver() {
    explore(|| {
        let (tx, rx) = bounded::<Token>(1);
        let second = tx.clone();
        let first = thread::spawn(move || drop(tx));
        let second = thread::spawn(move || {
            second.send(Token::new(1)).unwrap();
        });
        assert_eq!(rx.recv().unwrap().name(), 1);
        assert!(rx.recv().is_err());
        first.join().unwrap();
        second.join().unwrap();
    });
}
