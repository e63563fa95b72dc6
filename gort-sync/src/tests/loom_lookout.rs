//! Models of `lookout.rs` with `oneshot` and `notify`, as they are.
//!
//! All that is looked at is under one lock, so there are no orderings to weaken.
//!
//! # What fails without which step
//! | changed | models that fail |
//! |---|---|
//! | a sender that sends, or goes, wakes nobody | all that wait |
//! | the receiver's end does not set `Left` | `oneshot_send_meets_the_receivers_end` |
//! | a permit is not stored | `notify_one_reaches_one` |
//! | a permit is stored although somebody was woken | the same |
//! | a woken arm does not look again | `oneshot_is_an_arm` |

use super::loom_chan::{Chan, with};
use super::{Token, explore, explore_all};
use crate::notify::Notify;
use crate::oneshot;
use crate::select::macro_support::recv;
use crate::select::{Order, Wait, select};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

/// A value on its way to one who waits, or a sender that goes without.
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

/// The value is given back, or dropped by the receiver's side.
#[test]
fn oneshot_send_meets_the_receivers_end() {
    explore_all(|| {
        let (tx, rx) = oneshot::channel();
        let leaves = thread::spawn(move || drop(rx));
        drop(tx.send(Token::new(1)));
        leaves.join().unwrap();
    });
}

/// The one value, or a channel's, whichever comes first; afterwards the other is still there.
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

/// A permit reaches who waits, whichever comes first, and is used once.
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

/// Two permits and two who wait, one of them with an arm that may lose: what it does not take is there for others.
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

/// All go on, by whichever call, and one permit is left or used.
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
