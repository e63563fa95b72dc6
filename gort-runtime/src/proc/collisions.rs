//! Decides whether a P should step back from cache lines that it and another P keep taking from
//! each other.
//!
//! Two Ps *collide* if one finds a lock taken, or its compare-and-swap fails, because the other
//! uses the same lock or channel at that moment. A line that moves to another core takes some 40 to
//! 200 ns, in which either core could complete several operations. So goroutines of two Ps that do
//! little else than pass values over one channel are up to ten times slower than on one P. If one
//! of the two Ps pauses for a while instead, the other works with lines that stay where they are.
//! Then they change roles: the P that ends its pause takes the lines, and the other collides.
//!
//! Goroutines that work between operations collide rarely. They lose more time by a pause than by
//! the transfers, so a P steps back only if it has collided [`MANY`] times in short succession. The
//! length of the pause depends on the cost of a transfer. That cost depends on the cores on which
//! the threads run at the time, so the P measures it at the end of each pause.
//!
//! A P steps back before it tries the operation again. It does not step back a second time in the
//! same operation, so the operation is delayed by at most one pause.

use std::cell::Cell;

/// Number of collisions in short succession after which a P steps back.
const MANY: u64 = 3;
/// How long a P remembers a collision, in transfers. Each collision raises the P's `level` by this
/// much, and the level falls as time passes.
const REMEMBERED: u64 = 40;
/// How long a pause is, in transfers.
const PAUSE: u64 = 20;
/// The least and the greatest cost that is assumed for a transfer. The longest pause follows from
/// `MOST_NS`.
const LEAST_NS: u64 = 25;
const MOST_NS: u64 = 200;
/// The cost that is assumed for a transfer before one is measured.
const FIRST_NS: u64 = 100;
/// A transfer that seems to take longer than this was disturbed, and the measurement is ignored.
const DISTURBED_NS: u64 = 1_000;

/// The collisions of a P. Only the P's holder uses this.
#[derive(Debug)]
pub(crate) struct Collisions {
    /// The level at the time `last`, in ns.
    level: Cell<u64>,
    last: Cell<u64>,
    /// The cost of a transfer: a moving average, in ns.
    transfer_ns: Cell<u64>,
}

impl Collisions {
    pub(crate) fn new() -> Self {
        Self {
            level: Cell::new(0),
            last: Cell::new(0),
            transfer_ns: Cell::new(FIRST_NS),
        }
    }

    /// Counts a collision at the time `now`. Returns for how many nanoseconds the P should pause,
    /// which may be 0.
    pub(crate) fn count(&self, now: u64) -> u64 {
        let remembered = REMEMBERED * self.transfer_ns.get();
        let passed = now.saturating_sub(self.last.get());
        let level = self.level.get().saturating_sub(passed) + remembered;
        self.level.set(level.min(MANY * remembered));
        self.last.set(now);
        if level <= (MANY - 1) * remembered {
            return 0;
        }
        let pause = PAUSE * self.transfer_ns.get();
        // The level does not fall during the pause.
        self.last.set(now + pause);
        pause
    }

    /// Adds a measurement to the average: a line that another core had written took `ns` to arrive.
    pub(crate) fn transfer_took(&self, ns: u64) {
        if ns <= DISTURBED_NS {
            let ns = ns.clamp(LEAST_NS, MOST_NS);
            self.transfer_ns.set((3 * self.transfer_ns.get() + ns) / 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A P that knows what a transfer costs.
    fn with_transfers_of(ns: u64) -> Collisions {
        let collisions = Collisions::new();
        collisions.transfer_ns.set(ns);
        collisions
    }

    #[test]
    fn a_p_steps_back_at_the_third_collision_in_short_succession() {
        let p = with_transfers_of(100);
        let pauses = [10_000, 11_000, 12_000].map(|now| p.count(now));
        assert_eq!(pauses, [0, 0, 20 * 100]);
    }

    #[test]
    fn collisions_far_apart_cause_no_pause() {
        let p = with_transfers_of(100);
        let remembered = 40 * 100;
        let pauses = (1..1_000).map(|i| p.count(i * remembered)).max();
        assert_eq!(pauses, Some(0));
    }

    #[test]
    fn after_a_pause_one_collision_suffices_for_the_next() {
        let p = with_transfers_of(100);
        let pause = [1, 2, 3].map(|now| p.count(now))[2];
        assert_ne!(p.count(3 + pause + 7_000), 0, "it came soon");
        assert_eq!(p.count(1_000_000), 0, "it came late");
    }

    #[test]
    fn where_transfers_are_cheap_pauses_are_short_and_collisions_count_for_less() {
        let p = with_transfers_of(25);
        assert_eq!([1, 2, 3].map(|now| p.count(now)), [0, 0, 20 * 25]);
        let p = with_transfers_of(25);
        let pauses = [10_000, 11_000, 12_000, 13_000].map(|now| p.count(now));
        assert_eq!(pauses, [0; 4]);
    }

    #[test]
    fn the_cost_of_transfers_is_learnt_within_limits() {
        let p = Collisions::new();
        let learn = |ns| (0..50).for_each(|_| p.transfer_took(ns));
        learn(150);
        assert!((147..=150).contains(&p.transfer_ns.get()));
        learn(20_000);
        assert!((147..=150).contains(&p.transfer_ns.get()), "disturbed");
        learn(900);
        assert!((197..=200).contains(&p.transfer_ns.get()));
        learn(0);
        assert!((25..=28).contains(&p.transfer_ns.get()));
    }
}
