//! Records which receivers and contexts have asked for which signals, and which signals have
//! arrived for them. Everything is under one lock.
//!
//! # Invariants
//! 1. A signal is caught exactly while an entry of the registry asks for it. The runtime's
//!    `catch_signal` and `release_signal` are called only when this changes, and under the lock.
//! 2. An inbox has a bit for each signal that has arrived, was asked for, and was not received.
//!    When a bit is set, a waiter is taken out of the queue for it. So while a waiter is queued,
//!    there are at least as many woken waiters that have yet to look as there are bits.
//!
//! # Why no wake-up is lost
//! Sysmon delivers a signal by setting its bit and taking one waiter out of the queue, in one
//! critical section. A waiter looks, finds no bit and enters the queue in another one. A waiter
//! that is woken looks again; if a newcomer has taken the signal, it waits again, in front of later
//! arrivals.
//!
//! # Why `stop` loses no signal
//! When `release_signal` returns, a signal that arrived before is in `pending_signals`, and later
//! ones act as they did before they were caught (`gort-runtime`, `signal/catch.rs`). Pending
//! signals are delivered in the same critical section, while the receiver still asks for them.
//! Sysmon, which delivers at other times, takes pending signals under the same lock. So either it
//! has put a signal into the inbox before `stop` had the lock, or it finds nothing.

use super::name::Signal;
use crate::context::Ender;
use crate::waitlock::WaitLock;
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{
    Home, WaitsOutside, catch_signal, may_release_signals, on_caught_signals, pending_signals,
    release_signal, unblock_signals,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The only registry, since a process has one set of signals.
pub(super) static REGISTRY: WaitLock<Registry> = WaitLock::new(Home::KERNEL, Registry::new());

/// The receivers and contexts that ask for signals.
pub(super) struct Registry {
    next_id: u64,
    inboxes: BTreeMap<u64, Inbox>,
    contexts: BTreeMap<u64, ContextEntry>,
}

/// The signals that have arrived for one receiver.
struct Inbox {
    /// The signals that the receiver asks for; none once it is stopped.
    asks: u64,
    pending: u64,
    stopped: bool,
    waiters: WaitQueue,
}

/// A context that a signal ends.
struct ContextEntry {
    asks: u64,
    ender: Ender,
}

/// The answer to a receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextSignal {
    Signal(Signal),
    NotYet,
    /// The receiver is stopped, and no signal is left.
    Never,
}

impl Registry {
    const fn new() -> Self {
        Self {
            next_id: 0,
            inboxes: BTreeMap::new(),
            contexts: BTreeMap::new(),
        }
    }

    /// Returns the signals that entries other than `id` ask for.
    fn asked_without(&self, id: Option<u64>) -> u64 {
        let inboxes = self.inboxes.iter().map(|(of, inbox)| (*of, inbox.asks));
        let contexts = self.contexts.iter().map(|(of, ends)| (*of, ends.asks));
        inboxes
            .chain(contexts)
            .filter(|(of, _)| Some(*of) != id)
            .fold(0, |all, (_, asks)| all | asks)
    }

    /// Catches the signals that are not caught yet, and returns an id for the new entry.
    fn enter(&mut self, asks: u64) -> u64 {
        let caught = self.asked_without(None);
        Signal::all_in(asks & !caught).for_each(|signal| catch_signal(signal.number()));
        // An entry that is leaving may have asked sysmon to block some of these signals again
        // (`may_release_signals`). Withdraw that request.
        unblock_signals(asks);
        self.next_id += 1;
        self.next_id
    }

    /// Delivers the signals that have arrived. The caller ends the contexts in `ended`, after it
    /// has released the lock.
    fn hand_out(&mut self, wakes: &Wakes, ended: &mut Vec<(Ender, Signal)>) {
        let came = pending_signals();
        if came == 0 {
            return;
        }
        for inbox in self.inboxes.values_mut() {
            let new = came & inbox.asks & !inbox.pending;
            inbox.pending |= new;
            for _ in 0..new.count_ones() {
                match inbox.waiters.dequeue() {
                    Some(won) => wakes.push(won),
                    None => break,
                }
            }
        }
        for ends in self.contexts.values() {
            if let Some(signal) = Signal::all_in(came & ends.asks).next() {
                ended.push((ends.ender.clone(), signal));
            }
        }
    }

    fn inbox(&mut self, id: u64) -> &mut Inbox {
        match self.inboxes.get_mut(&id) {
            Some(inbox) => inbox,
            None => unreachable!("an inbox exists while it has handles"),
        }
    }

    /// Takes a signal that has arrived for `id`.
    pub(super) fn take(&mut self, id: u64) -> NextSignal {
        let inbox = self.inbox(id);
        match Signal::all_in(inbox.pending).next() {
            Some(signal) => {
                inbox.pending &= !signal.bit();
                NextSignal::Signal(signal)
            }
            None if inbox.stopped => NextSignal::Never,
            None => NextSignal::NotYet,
        }
    }

    /// Returns the queue of the waiters at the inbox of `id`.
    pub(super) fn waiters(&mut self, id: u64) -> &mut WaitQueue {
        &mut self.inbox(id).waiters
    }

    /// Ends the requests of `id`, and releases the signals that only `id` has asked for. Returns
    /// false if that is not possible yet; the caller then tries again.
    fn leave(&mut self, id: u64, wakes: &Wakes, ended: &mut Vec<(Ender, Signal)>) -> bool {
        let inbox = self.inboxes.get(&id).map(|inbox| inbox.asks);
        let Some(asks) = inbox.or_else(|| self.contexts.get(&id).map(|ends| ends.asks)) else {
            return true;
        };
        let last = asks & !self.asked_without(Some(id));
        if !may_release_signals(last) {
            return false;
        }
        Signal::all_in(last).for_each(|signal| release_signal(signal.number()));
        self.hand_out(wakes, ended);
        self.contexts.remove(&id);
        if let Some(inbox) = self.inboxes.get_mut(&id) {
            inbox.asks = 0;
            inbox.stopped = true;
            while let Some(won) = inbox.waiters.dequeue() {
                wakes.push(won);
            }
        }
        true
    }
}

fn set_of(signals: &[Signal]) -> u64 {
    let all = if signals.is_empty() {
        &Signal::ALL
    } else {
        signals
    };
    all.iter().fold(0, |set, signal| set | signal.bit())
}

/// Opens an inbox for these signals, or for all if `signals` is empty.
pub(super) fn open_inbox(signals: &[Signal]) -> u64 {
    on_caught_signals(hand_out);
    let asks = set_of(signals);
    let mut registry = REGISTRY.lock();
    let id = registry.enter(asks);
    let inbox = Inbox {
        asks,
        pending: 0,
        stopped: false,
        waiters: WaitQueue::new(),
    };
    registry.inboxes.insert(id, inbox);
    id
}

/// Makes `ender` end its context when one of these signals arrives (one of all signals, if
/// `signals` is empty).
pub(super) fn enter_context(signals: &[Signal], ender: Ender) -> u64 {
    on_caught_signals(hand_out);
    let asks = set_of(signals);
    let mut registry = REGISTRY.lock();
    let id = registry.enter(asks);
    registry.contexts.insert(id, ContextEntry { asks, ender });
    id
}

/// Ends the requests of `id`. When this returns, no more signals arrive for it.
pub(super) fn leave(id: u64) {
    loop {
        let (wakes, mut ended) = (Wakes::new(), Vec::new());
        let left = REGISTRY.lock().leave(id, &wakes, &mut ended);
        wakes.wake_all();
        end_all(ended);
        if left {
            return;
        }
        // The signal was blocked when the process started, and sysmon is about to block it again.
        thread::sleep(Duration::from_micros(50));
    }
}

/// Removes an inbox whose last handle was dropped.
pub(super) fn close_inbox(id: u64) {
    leave(id);
    REGISTRY.lock().inboxes.remove(&id);
}

/// Delivers the signals that have arrived. Called on sysmon's thread.
fn hand_out() {
    // Until the goroutines are woken, they count as waiting for the outside (`gort-runtime`,
    // `wait/outside.rs`), so that they are not reported as deadlocked. This also covers functions
    // that start when a context has ended.
    let _waits = WaitsOutside::new();
    let (wakes, mut ended) = (Wakes::new(), Vec::new());
    REGISTRY.lock().hand_out(&wakes, &mut ended);
    wakes.wake_all();
    end_all(ended);
}

fn end_all(ended: Vec<(Ender, Signal)>) {
    for (ender, signal) in ended {
        ender.end(Arc::new(signal));
    }
}
