//! Stepping back from cache lines that two Ps keep taking from each other.
//!
//! `proc/collisions.rs` says why, when and for how long.

use crate::base::lock::RawLock;
use crate::base::prim::spin_hint;
use crate::os;
use crate::sched::inside::Inside;
use crate::sched::state::SCHED;
use std::hint::black_box;

/// Number of spin hints between two readings of the clock.
const SPINS: u32 = 8;

/// Counts a collision of the caller with another thread: the caller has found a lock held, or its
/// compare-and-swap has failed. May pause for some microseconds. The caller then tries again, and
/// does not call this a second time in the same operation.
///
/// `look` reads the word that the other thread has written. `collided` calls it after a pause, to
/// measure how long the word's cache line takes to arrive.
#[cold]
pub fn collided(look: impl FnOnce()) {
    if SCHED.procs() == 1 {
        return;
    }
    let Some(inside) = Inside::enter() else {
        return;
    };
    let Some(p) = inside.p() else {
        return;
    };
    let since = os::now_ns();
    let pause = p.collisions.count(since);
    if pause == 0 {
        return;
    }
    // During the pause thieves may take what is in the P's queue. They come often then. From a lent
    // P they take it without the barrier, which costs 5 µs. (`gort-bench run worker_pool 2` in ns:
    // 56 with the loan, 280 to 450 without it, 64 to 76 if no P steps back.)
    let (m, leaves) = (inside.m(), inside.is_outermost());
    drop(inside);
    if leaves {
        m.ownership.lend();
    }
    while os::now_ns() - since < pause {
        for _ in 0..SPINS {
            spin_hint();
        }
    }
    let before = os::now_ns();
    let between = os::now_ns();
    look();
    let after = os::now_ns();
    // Subtract the time that reading the clock takes.
    let took = (after - between).saturating_sub(between - before);
    if let Some(inside) = Inside::enter()
        && let Some(p) = inside.p()
    {
        p.collisions.transfer_took(took);
    }
}

/// Acquires a lock, blocking the thread while another holds it. If the lock is taken, the thread
/// may pause before it tries again, so the caller should hold no other lock.
#[inline]
pub fn lock_stepping_back(lock: &RawLock) {
    lock.lock_or(|| step_back(lock));
}

#[cold]
fn step_back(lock: &RawLock) {
    collided(|| {
        black_box(lock.looks_free());
    });
}
