//! Models of `proc/bubble.rs`: members that park, wake each other and end, wakers from outside, and
//! the keeper.
//!
//! The bubble is the real one. Around it are copies of what `park_m`, `goready` and `goexit0` do
//! with it, and of how the keeper sleeps between two turns (`api/keeper.rs`), call for call. A
//! goroutine that parks on one thread continues on another as soon as it has been woken, while the
//! first thread has yet to release its token. What members do is recorded in cells, which the
//! keeper reads in its turn. So loom reports members that are still running then.
//!
//! Not modelled: the clock, timers, `synctest::wait` (its waiter is a member like any other).
//!
//! Tried by hand, each of these makes a model fail: the word's orderings made Relaxed in
//! `release_token` or in `take_token`; the last token released instead of handed over; the token
//! taken after the wake-up; the token released before the park is committed.

use super::{explore, explore_all};
use crate::base::prim::{
    AtomicBool, DataCell,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use crate::proc::bubble::{Bubble, is_only};
use loom::sync::Notify;
use loom::thread;
use std::sync::Arc;

/// The keeper's word.
const KEEPER: usize = 0x80;

struct World {
    bubble: Bubble,
    /// The keeper's wake-ups arrive here.
    turn: Notify,
    /// Whether the keeper sleeps. A wake-up at any other time is one too many.
    keeper_sleeps: AtomicBool,
    /// A member is parked, and the right to wake it has not been won.
    parked: AtomicBool,
    /// Counts what the member does when it continues.
    done: DataCell<u32>,
}

// SAFETY: the member writes `done`, and the keeper reads it in its turn. loom checks that this is
// one at a time.
unsafe impl Sync for World {}
// SAFETY: no field belongs to one thread.
unsafe impl Send for World {}

impl World {
    /// Creates a bubble with this many members, which run. The keeper sleeps.
    fn with(members: u32) -> Arc<Self> {
        let bubble = Bubble::new();
        bubble.begin(7, 1, KEEPER);
        for _ in 0..members {
            bubble.enter();
        }
        let world = Self {
            bubble,
            turn: Notify::new(),
            keeper_sleeps: AtomicBool::new(true),
            parked: AtomicBool::new(false),
            done: DataCell::new(0),
        };
        assert_eq!(world.bubble.release_token(), None, "members run");
        Arc::new(world)
    }

    /// Releases a token, like `leaves` of `wait/park.rs`.
    fn release_token(&self) {
        if let Some(keeper) = self.bubble.release_token() {
            assert_eq!(keeper, KEEPER);
            assert!(
                self.keeper_sleeps.swap(false, AcqRel),
                "woken while it is awake"
            );
            self.turn.notify();
        }
    }

    /// Parks a member like `park_m`: commits, then releases its token.
    fn park(&self) {
        self.parked.store(true, Release);
        self.release_token();
    }

    /// Wakes the member like `goready`, if it is parked. The caller then continues as that member.
    fn wake(&self) -> bool {
        let won = self
            .parked
            .compare_exchange(true, false, AcqRel, Relaxed)
            .is_ok();
        if won {
            self.bubble.take_token();
        }
        won
    }

    /// Continues as the member, and ends it.
    fn go_on(&self) {
        // SAFETY: only the member writes. loom fails the model if the keeper reads at the same
        // time.
        self.done.with_mut(|done| unsafe { *done += 1 });
        self.end();
    }

    fn end(&self) {
        self.bubble.leave();
        self.release_token();
    }

    /// Returns what the member has done. Called in the keeper's turn.
    fn seen(&self) -> u32 {
        // SAFETY: in the keeper's turn no member runs; loom fails the model if one does.
        self.done.with(|done| unsafe { *done })
    }

    /// Puts the keeper to sleep until its turn.
    fn wait_for_turn(&self) {
        while self.keeper_sleeps.load(Acquire) {
            self.turn.wait();
        }
    }

    /// Lets the keeper sleep until its next turn, as `falls_asleep` of `api/keeper.rs` does.
    fn sleep_until_turn(&self) {
        // The keeper counts as asleep before a waker can find it.
        self.keeper_sleeps.store(true, Release);
        if self.bubble.release_token().is_none() {
            self.wait_for_turn();
        } else {
            self.keeper_sleeps.store(false, Relaxed);
        }
    }
}

#[test]
fn the_keeper_gets_its_turn_once_when_no_member_runs() {
    explore_all(|| {
        let world = World::with(2);
        let (first, second) = (Arc::clone(&world), Arc::clone(&world));
        let parker = thread::spawn(move || first.park());
        let waker = thread::spawn(move || {
            let woken = second.wake();
            second.end();
            if woken {
                second.go_on();
            }
            woken
        });
        world.wait_for_turn();
        assert!(is_only(world.bubble.tokens()));
        let is_empty = world.bubble.is_empty();
        let is_parked = world.parked.load(Acquire);
        assert_eq!(world.seen(), u32::from(is_empty));
        assert_ne!(
            is_parked, is_empty,
            "the clock would jump while a member runs"
        );
        parker.join().unwrap();
        assert_eq!(waker.join().unwrap(), is_empty);
        assert!(
            is_only(world.bubble.tokens()),
            "the token stays with the keeper"
        );
    });
}

#[test]
fn a_member_that_parks_again_leaves_the_keeper_its_turn() {
    explore(|| {
        let world = World::with(2);
        let (first, second) = (Arc::clone(&world), Arc::clone(&world));
        let parker = thread::spawn(move || first.park());
        let waker = thread::spawn(move || {
            if second.wake() {
                // It continues here and parks again, while the first thread has yet to release its
                // token.
                second.park();
            }
            second.end();
        });
        world.wait_for_turn();
        assert!(!world.bubble.is_empty());
        assert!(world.parked.load(Acquire), "somebody runs");
        assert!(is_only(world.bubble.tokens()));
        parker.join().unwrap();
        waker.join().unwrap();
    });
}

#[test]
fn a_waker_from_outside_comes_at_any_time() {
    explore(|| {
        let world = World::with(1);
        let (first, outside) = (Arc::clone(&world), Arc::clone(&world));
        let parker = thread::spawn(move || first.park());
        let waker = thread::spawn(move || {
            let woken = outside.wake();
            if woken {
                outside.go_on();
            }
            woken
        });
        world.wait_for_turn();
        // The waker may arrive now, or while the keeper looks.
        while !world.bubble.is_empty() && !is_only(world.bubble.tokens()) {
            world.sleep_until_turn();
        }
        if world.bubble.is_empty() {
            assert_eq!(world.seen(), 1);
        }
        parker.join().unwrap();
        let woken = waker.join().unwrap();
        world.sleep_until_only();
        assert_eq!(world.bubble.is_empty(), woken);
    });
}

#[test]
fn the_keeper_sees_that_a_waker_came_and_went() {
    explore(|| {
        let world = World::with(1);
        // The member is blocked, and the keeper has its turn.
        world.park();
        world.wait_for_turn();
        let outside = Arc::clone(&world);
        let before = world.bubble.tokens();
        let waker = thread::spawn(move || {
            assert!(outside.wake());
            outside.go_on();
        });
        // The keeper's turn continues and ends in the meantime.
        world.sleep_until_turn();
        waker.join().unwrap();
        world.sleep_until_only();
        assert_ne!(world.bubble.tokens(), before);
        assert!(world.bubble.is_empty());
        assert_eq!(world.seen(), 1);
    });
}

impl World {
    /// Lets the keeper sleep until it has its turn and no waker has arrived.
    fn sleep_until_only(&self) {
        while !is_only(self.bubble.tokens()) {
            self.sleep_until_turn();
        }
    }
}
