//! Channels. may has only unbounded ones, so bounded and rendezvous channels are built from its
//! queue, semaphore and blocker, as a user of may has to do.

use may::sync::{Blocker, Semphore, mpmc, mpsc};
use std::cell::OnceCell;
use std::sync::Arc;

pub(super) trait Tx: Send + 'static {
    fn send(&self, v: u64) -> bool;
    fn dup(&self) -> Self;
}

pub(super) trait Rx: Send + 'static {
    fn recv(&self) -> Option<u64>;
}

/// Rendezvous channel, many senders to one receiver.
pub(super) struct RvTx(mpsc::Sender<(u64, Arc<Blocker>)>, OnceCell<Arc<Blocker>>);

pub(super) struct RvRx(mpsc::Receiver<(u64, Arc<Blocker>)>);

impl Tx for RvTx {
    #[inline]
    fn send(&self, v: u64) -> bool {
        let b = self.1.get_or_init(Blocker::current);
        if self.0.send((v, b.clone())).is_err() {
            return false;
        }
        b.park(None).is_ok()
    }
    fn dup(&self) -> Self {
        RvTx(self.0.clone(), OnceCell::new())
    }
}

impl Rx for RvRx {
    #[inline]
    fn recv(&self) -> Option<u64> {
        let (v, b) = self.0.recv().ok()?;
        b.unpark();
        Some(v)
    }
}

pub(super) fn unbuf() -> (RvTx, RvRx) {
    let (t, r) = mpsc::channel();
    (RvTx(t, OnceCell::new()), RvRx(r))
}

/// Bounded channel: a slot semaphore in front of the mpmc queue.
pub(super) struct BTx(mpmc::Sender<u64>, Arc<Semphore>);

#[derive(Clone)]
pub(super) struct BRx(mpmc::Receiver<u64>, Arc<Semphore>);

impl Tx for BTx {
    #[inline]
    fn send(&self, v: u64) -> bool {
        self.1.wait();
        self.0.send(v).is_ok()
    }
    fn dup(&self) -> Self {
        BTx(self.0.clone(), self.1.clone())
    }
}

impl Rx for BRx {
    #[inline]
    fn recv(&self) -> Option<u64> {
        let v = self.0.recv().ok()?;
        self.1.post();
        Some(v)
    }
}

pub(super) fn bounded(cap: usize) -> (BTx, BRx) {
    let (t, r) = mpmc::channel();
    let s = Arc::new(Semphore::new(cap));
    (BTx(t, s.clone()), BRx(r, s))
}

pub(super) struct NTx(mpsc::Sender<u64>);

pub(super) struct NRx(mpsc::Receiver<u64>);

impl Tx for NTx {
    #[inline]
    fn send(&self, v: u64) -> bool {
        self.0.send(v).is_ok()
    }
    fn dup(&self) -> Self {
        NTx(self.0.clone())
    }
}

impl Rx for NRx {
    #[inline]
    fn recv(&self) -> Option<u64> {
        self.0.recv().ok()
    }
}

pub(super) fn native() -> (NTx, NRx) {
    let (t, r) = mpsc::channel();
    (NTx(t), NRx(r))
}

/// may's own channel for several receivers.
pub(super) struct MTx(mpmc::Sender<u64>);

impl Tx for MTx {
    #[inline]
    fn send(&self, v: u64) -> bool {
        self.0.send(v).is_ok()
    }
    fn dup(&self) -> Self {
        Self(self.0.clone())
    }
}

#[derive(Clone)]
pub(super) struct MRx(mpmc::Receiver<u64>);

impl Rx for MRx {
    fn recv(&self) -> Option<u64> {
        self.0.recv().ok()
    }
}

pub(super) fn native_shared() -> (MTx, MRx) {
    let (t, r) = mpmc::channel();
    (MTx(t), MRx(r))
}
