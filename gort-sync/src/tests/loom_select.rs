//! Models of the real `select/pass.rs`, with the arms of channels.
//!
//! The selects are biased, so they try their arms in source order. The models cover other orders by
//! passing their arms in other orders.

use super::loom_chan::{Chan, with};
use super::{Token, explore, explore_all, explore_large};
use crate::channel::Select;
use crate::select::macro_support::{recv, send, send_late};
use crate::select::{Order, Wait, select};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

/// Returns two channels. Selects lock the first one first, since its lock is older (`precedes` in
/// `pass.rs`).
fn two(cap: usize) -> [Arc<Chan>; 2] {
    [Chan::new(cap), Chan::new(cap)]
}

/// `select! { a = <-x => …, b = <-y => … }`. Returns the arm, and the name unless the channel is
/// closed.
fn select_recv(x: &Chan, y: &Chan, wait: Wait) -> Option<(usize, Option<u32>)> {
    let (mut a, mut b) = (recv(&x.rx), recv(&y.rx));
    let chosen = select([a.enter(), b.enter()], wait, Order::Biased)?;
    let value = if chosen == 0 { a.take() } else { b.take() };
    Some((chosen, value.ok().map(Token::name)))
}

/// `select! { x <- token => …, y <- token => … }`. Returns the arm, and whether the token was sent.
fn select_send(x: &Chan, y: &Chan, names: [u32; 2], wait: Wait) -> Option<(usize, bool)> {
    let mut a = send(&x.tx, Token::new(names[0]));
    let mut b = send(&y.tx, Token::new(names[1]));
    let chosen = select([a.enter(), b.enter()], wait, Order::Biased)?;
    let result = if chosen == 0 { a.take() } else { b.take() };
    Some((chosen, result.is_ok()))
}

/// Sends like `send(tx, value)` in crossbeam's `select!`: the value is made after the arm was
/// chosen.
fn send_promised(chan: &Chan, name: u32) -> bool {
    let mut arm = send_late(&chan.tx);
    let chosen = select([arm.enter()], Wait::Block, Order::Biased);
    assert_eq!(chosen, Some(0));
    arm.complete(Token::new(name)).is_ok()
}

/// A select receives from two senders.
#[test]
fn select_receives_each_value_once() {
    fn model(cap: usize, limited: bool) {
        let chans = two(cap);
        let senders: Vec<_> = [1, 2]
            .into_iter()
            .zip(&chans)
            .map(|(name, chan)| with(chan, move |chan| chan.send(name)))
            .collect();
        let mut names = Vec::new();
        while names.len() < 2 {
            let wait = if limited && names.is_empty() {
                Wait::Timeout(Duration::ZERO)
            } else {
                Wait::Block
            };
            match select_recv(&chans[0], &chans[1], wait) {
                Some((chosen, name)) => {
                    assert_eq!(name, Some(chosen as u32 + 1));
                    names.extend(name);
                }
                None => {
                    // The time was up, so no value was taken.
                    names.extend(chans.iter().map(|chan| chan.recv().unwrap()));
                }
            }
        }
        names.sort_unstable();
        assert_eq!(names, [1, 2]);
        for sender in senders {
            assert!(sender.join().unwrap());
        }
    }
    explore(|| model(0, false));
    explore(|| model(1, false));
    explore_large(|| model(0, true));
}

/// A select that sends meets a select that receives from the same channels. Exactly one value
/// passes.
#[test]
fn select_meets_select() {
    fn model(cap: usize) {
        let chans = two(cap);
        let others = chans.clone();
        let sender = thread::spawn(move || {
            select_send(&others[1], &others[0], [2, 1], Wait::Block).unwrap()
        });
        let (chosen, name) = select_recv(&chans[0], &chans[1], Wait::Block).unwrap();
        let (sent, ok) = sender.join().unwrap();
        assert!(ok);
        assert_eq!(chosen, 1 - sent);
        assert_eq!(name, Some(chosen as u32 + 1));
    }
    explore_all(|| model(0));
    explore_all(|| model(1));
}

/// Each of two selects sends on one channel or receives from the other (Go's ring of selects).
/// Exactly one value passes.
#[test]
fn select_crosswise() {
    explore(|| {
        let chans = two(0);
        let others = chans.clone();
        fn both(mine: &Chan, other: &Chan, name: u32) -> Option<u32> {
            let mut a = send(&mine.tx, Token::new(name));
            let mut b = recv(&other.rx);
            let arms = [a.enter(), b.enter()];
            match select(arms, Wait::Block, Order::Biased) {
                Some(0) => {
                    a.take().unwrap();
                    None
                }
                _ => Some(b.take().unwrap().name()),
            }
        }
        let second = thread::spawn(move || both(&others[1], &others[0], 2));
        let first = both(&chans[0], &chans[1], 1);
        let second = second.join().unwrap();
        assert!(matches!((first, second), (Some(2), None) | (None, Some(1))));
    });
}

/// One channel is closed and the other gets a value. The select sees one of these, and the other is
/// still there afterwards.
#[test]
fn select_sees_the_end() {
    explore(|| {
        let chans = two(1);
        let closer = with(&chans[0], |chan| chan.tx.close());
        let sender = with(&chans[1], |chan| chan.send(2));
        match select_recv(&chans[0], &chans[1], Wait::Block) {
            Some((0, None)) => assert_eq!(chans[1].recv(), Some(2)),
            Some((1, Some(2))) => assert_eq!(chans[0].recv(), None),
            other => unreachable!("{other:?}"),
        }
        assert!(closer.join().unwrap());
        assert!(sender.join().unwrap());
    });
}

/// A select with a time limit either sends, or has sent nothing.
#[test]
fn select_sends_with_a_limit() {
    fn model(cap: usize) {
        let chans = two(cap);
        if cap != 0 {
            for chan in &chans {
                assert!(chan.send(9));
            }
        }
        let receiver = with(&chans[0], move |chan| {
            if cap != 0 {
                assert_eq!(chan.recv(), Some(9));
            }
            chan.recv()
        });
        let sent = select_send(&chans[0], &chans[1], [1, 2], Wait::Timeout(Duration::ZERO));
        chans[0].tx.close();
        let received = receiver.join().unwrap();
        match sent {
            Some((chosen, ok)) => {
                assert_eq!((chosen, ok), (0, true));
                assert_eq!(received, Some(1));
            }
            None => assert_eq!(received, None),
        }
    }
    explore(|| model(0));
    explore(|| model(1));
}

/// A promised value reaches its receiver, even if the ring was full before.
#[test]
fn select_promise() {
    fn model(cap: usize, before: bool) {
        let chan = Chan::new(cap);
        if before {
            assert!(chan.send(9));
        }
        let sender = with(&chan, |chan| send_promised(chan, 1));
        if before {
            assert_eq!(chan.recv(), Some(9));
        }
        assert_eq!(chan.recv(), Some(1));
        assert!(sender.join().unwrap());
    }
    explore_all(|| model(0, false));
    explore_all(|| model(1, false));
    explore(|| model(1, true));
}

/// The place in the ring that was promised goes to no other sender.
#[test]
fn select_promise_is_kept() {
    explore(|| {
        let chan = Chan::new(1);
        let other = with(&chan, |chan| chan.send(2));
        let sender = with(&chan, |chan| send_promised(chan, 1));
        let mut names = [chan.recv().unwrap(), chan.recv().unwrap()];
        names.sort_unstable();
        assert_eq!(names, [1, 2]);
        assert!(other.join().unwrap());
        assert!(sender.join().unwrap());
    });
}

/// The channel is closed at any moment of a promised send, even after its arm was chosen and before
/// there is a value. The value arrives if and only if the send succeeds.
#[test]
fn select_promise_and_close() {
    fn model(cap: usize) {
        let chan = Chan::new(cap);
        let sender = with(&chan, |chan| send_promised(chan, 1));
        let receiver = with(&chan, |chan| chan.recv());
        chan.tx.close();
        let sent = sender.join().unwrap();
        let received = receiver.join().unwrap().or_else(|| chan.recv());
        assert_eq!(received, sent.then_some(1));
    }
    explore(|| model(0));
    explore(|| model(1));
}

/// A promise is given up. A sender that waits for the place gets it, and a receiver that waits for
/// the value continues to wait.
#[test]
fn select_promise_given_up() {
    fn model(cap: usize, receive: fn(&Chan) -> Option<u32>) {
        let chan = Chan::new(cap);
        let unfaithful = with(&chan, |chan| {
            let mut arm = send_late(&chan.tx);
            assert_eq!(select([arm.enter()], Wait::Block, Order::Biased), Some(0));
        });
        let sender = with(&chan, |chan| chan.send(1));
        assert_eq!(receive(&chan), Some(1));
        assert!(sender.join().unwrap());
        // On a rendezvous channel the arm might not have been chosen yet.
        chan.tx.close();
        unfaithful.join().unwrap();
    }
    fn select_one(chan: &Chan) -> Option<u32> {
        let mut arm = recv(&chan.rx);
        select([arm.enter()], Wait::Block, Order::Biased)?;
        arm.take().ok().map(Token::name)
    }
    explore(|| model(1, Chan::recv));
    explore(|| model(1, select_one));
    explore(|| model(0, Chan::recv));
    explore(|| model(0, select_one));
}

/// A promise is given up, and the channel is closed. A value that was sent before that still
/// arrives, and then the receiver sees the end.
#[test]
fn select_promise_given_up_and_close() {
    explore(|| {
        let chan = Chan::new(1);
        let unfaithful = with(&chan, |chan| {
            let mut arm = send_late(&chan.tx);
            assert_eq!(select([arm.enter()], Wait::Block, Order::Biased), Some(0));
        });
        let receiver = with(&chan, |chan| (chan.recv(), chan.recv()));
        let sent = chan.send(1);
        chan.tx.close();
        assert!(sent);
        assert_eq!(receiver.join().unwrap(), (Some(1), None));
        unfaithful.join().unwrap();
    });
}

/// `ready`: an observer takes nothing, and is woken when there is a value.
#[test]
fn select_ready_is_woken() {
    fn model(cap: usize) {
        let chan = Chan::new(cap);
        let sender = with(&chan, |chan| chan.send(1));
        let mut observer = Select::new();
        observer.recv(&chan.rx);
        assert_eq!(observer.ready(), 0);
        assert_eq!(chan.recv(), Some(1));
        assert!(sender.join().unwrap());
    }
    explore(|| model(0));
    explore(|| model(1));
}
