//! Models of the real `lookout.rs`, with `oneshot`, `notify`, `watch` and `broadcast`.
//!
//! Everything that a look reads is under one lock, so there are no orderings to weaken. A watched
//! value is accessed without the lock, which loom checks.
//!
//! # What fails without which step
//! | changed | models that fail |
//! |---|---|
//! | a sender that sends, or is dropped, wakes no waiter | all with a waiter |
//! | the receiver's drop does not set `Left` | none: no thread waits for that (`tests/tests/oneshot.rs` sees it) |
//! | a permit is not stored | `notify_one_reaches_one` |
//! | a permit is stored although a waiter was woken | the same |
//! | a change wakes no waiter | `watch_change_wakes_while_its_sender_stays` |
//! | the drop of a `Ref` wakes no waiter | `watch_readers_meet_a_sender` |
//! | a sender does not set `writing`, or does not check it | `watch_senders_exclude_each_other` |
//! | a reader does not check `writing` | `watch_readers_meet_a_sender` |
//! | the last sender wakes no waiter | `watch_change_meets_changed`, `broadcast_reaches_all` |
//! | a woken arm does not look again | none: its select starts again, and looks |

use super::loom_chan::{Chan, with};
use super::{Data, Token, explore, explore_all};
use crate::broadcast;
use crate::notify::Notify;
use crate::oneshot;
use crate::select::macro_support::recv;
use crate::select::{Order, Wait, select};
use crate::watch;
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

/// A value is sent to a waiting receiver, or the sender is dropped without sending.
#[test]
fn oneshot_wakes_its_receiver() {
    for sends in [true, false] {
        explore_all(move || {
            let (tx, rx) = oneshot::channel();
            let sender = thread::spawn(move || {
                if sends {
                    tx.send(Token::new(1)).unwrap();
                } else {
                    drop(tx);
                }
            });
            assert_eq!(rx.recv().ok().map(Token::name), sends.then_some(1));
            sender.join().unwrap();
        });
    }
}

/// The value is given back, or dropped on the receiver's side.
#[test]
fn oneshot_send_meets_the_receivers_end() {
    explore_all(|| {
        let (tx, rx) = oneshot::channel();
        let leaves = thread::spawn(move || drop(rx));
        drop(tx.send(Token::new(1)));
        leaves.join().unwrap();
    });
}

/// A select receives the one value or a channel's value, whichever comes first. Afterwards the
/// other value is still there.
#[test]
fn oneshot_is_an_arm() {
    explore_all(|| {
        let (tx, rx) = oneshot::channel();
        let chan = Chan::new(1);
        let sender = thread::spawn(move || tx.send(Token::new(1)).unwrap());
        let other = with(&chan, |chan| chan.send(2));
        let chosen = {
            let (mut a, mut b) = (recv(&rx), recv(&chan.rx));
            let chosen = select([a.enter(), b.enter()], Wait::Block, Order::Biased);
            match chosen {
                Some(0) => assert_eq!(a.take().ok().map(Token::name), Some(1)),
                _ => assert_eq!(b.take().ok().map(Token::name), Some(2)),
            }
            chosen
        };
        if chosen == Some(0) {
            assert!(rx.recv().is_err());
            assert_eq!(chan.recv(), Some(2));
        } else {
            assert_eq!(rx.recv().ok().map(Token::name), Some(1));
        }
        sender.join().unwrap();
        assert!(other.join().unwrap());
    });
}

/// A permit reaches the waiter, whichever comes first, and is used once.
#[test]
fn notify_one_reaches_one() {
    explore_all(|| {
        let notify = Arc::new(Notify::new());
        let waits = {
            let notify = Arc::clone(&notify);
            thread::spawn(move || notify.wait())
        };
        notify.notify_one();
        waits.join().unwrap();
        assert!(!notify.wait_timeout(Duration::ZERO));
    });
}

/// A select waits for a permit and for a channel's value. A permit that the select does not take is
/// there for the next wait.
#[test]
fn notify_one_meets_an_arm_that_leaves() {
    explore(|| {
        let notify = Arc::new(Notify::new());
        let chan = Chan::new(1);
        let sender = with(&chan, |chan| chan.send(2));
        let notifies = {
            let notify = Arc::clone(&notify);
            thread::spawn(move || notify.notify_one())
        };
        let chosen = {
            let (mut a, mut b) = (recv(&*notify), recv(&chan.rx));
            let chosen = select([a.enter(), b.enter()], Wait::Block, Order::Biased);
            match chosen {
                Some(0) => a.take(),
                _ => assert_eq!(b.take().ok().map(Token::name), Some(2)),
            }
            chosen
        };
        if chosen == Some(0) {
            assert_eq!(chan.recv(), Some(2));
        } else {
            notify.wait();
        }
        notifies.join().unwrap();
        assert!(sender.join().unwrap());
        assert!(!notify.wait_timeout(Duration::ZERO));
    });
}

/// Either call wakes the waiter. The permit of `notify_one` is then left, or was used.
#[test]
fn notify_all_meets_notify_one() {
    explore(|| {
        let notify = Arc::new(Notify::new());
        let waits = {
            let notify = Arc::clone(&notify);
            thread::spawn(move || notify.wait())
        };
        let all = {
            let notify = Arc::clone(&notify);
            thread::spawn(move || notify.notify_all())
        };
        notify.notify_one();
        waits.join().unwrap();
        all.join().unwrap();
    });
}

/// A change is reported once, and then the end.
#[test]
fn watch_change_meets_changed() {
    explore_all(|| {
        let (tx, rx) = watch::channel(Data::new());
        let sender = thread::spawn(move || tx.send_modify(|data| data.add_one()));
        assert!(rx.changed().is_ok());
        assert_eq!(rx.borrow().get(), 1);
        assert!(rx.changed().is_err());
        sender.join().unwrap();
    });
}

/// A change wakes a waiting receiver although its sender stays.
#[test]
fn watch_change_wakes_while_its_sender_stays() {
    explore_all(|| {
        let (tx, rx) = watch::channel(Data::new());
        let sender = thread::spawn(move || {
            tx.send_modify(|data| data.add_one());
            tx
        });
        assert!(rx.changed().is_ok());
        let tx = sender.join().unwrap();
        assert_eq!(tx.borrow().get(), 1);
    });
}

/// Two readers meet one writer: they never use the value at the same time as the writer, and no
/// thread is left behind.
#[test]
fn watch_readers_meet_a_sender() {
    explore(|| {
        let (tx, rx) = watch::channel(Data::new());
        let looks = {
            let rx = rx.clone();
            thread::spawn(move || {
                let first = rx.borrow();
                let second = rx.borrow();
                assert_eq!(first.get(), second.get());
            })
        };
        let sender = thread::spawn(move || tx.send_modify(|data| data.add_one()));
        let seen = rx.borrow().get();
        assert!(seen <= 1);
        looks.join().unwrap();
        sender.join().unwrap();
        assert_eq!(rx.borrow().get(), 1);
    });
}

/// Two senders never change the value at the same time.
#[test]
fn watch_senders_exclude_each_other() {
    explore_all(|| {
        let (tx, rx) = watch::channel(Data::new());
        let another = tx.clone();
        let sender = thread::spawn(move || another.send_modify(|data| data.add_one()));
        tx.send_modify(|data| data.add_one());
        sender.join().unwrap();
        assert_eq!(rx.borrow().get(), 2);
    });
}

/// Two waiting receivers both get the value, and then see the end.
#[test]
fn broadcast_reaches_all() {
    explore(|| {
        let (tx, a) = broadcast::channel(1);
        let b = tx.subscribe();
        let receives = thread::spawn(move || (b.recv(), b.recv()));
        let sends = thread::spawn(move || tx.send(1).unwrap());
        let all = (Ok(1), Err(broadcast::RecvError::Closed));
        assert_eq!((a.recv(), a.recv()), all);
        assert_eq!(receives.join().unwrap(), all);
        assert_eq!(sends.join().unwrap(), 2);
    });
}
