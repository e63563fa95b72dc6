//! Models of the owner of a P against its visitors: sysmon and thieves (`ownership.rs`).
//!
//! The P's data is a cell that loom watches. Two accesses without an order between them make the
//! model fail, which would happen if owner and visitor both believed that they had the P. Both
//! sides of the protocol are the real ones, with full fences for the barriers. How the P gets from
//! sysmon to its next M is not modelled. A visitor looks for an answer once before it issues the
//! barrier, and an owner refuses without waiting.
//!
//! Tried by hand, each of these makes a model fail: no `light_barrier` in `enter` or in
//! `enter_slow`, no `heavy_barrier`, a Relaxed load of the request in `enter` or `enter_slow`, a
//! Relaxed store of `mark` in `leave`, a Relaxed load of `mark`, a Relaxed store of the request at
//! the end of `visit`; `NONE` instead of `REFUSED` in `wait_outside`, so that a visitor may take
//! another's request for its own; a store of `NONE` at the end of `keep_out` in place of the
//! compare-and-swap from `ASKED`. The models of a lent P fail if lending does not release, if
//! taking does not acquire, or if the owner continues without ending the loan.

use super::{explore, explore_all, explore_further};
use crate::base::prim::DataCell;
use crate::proc::ownership::Ownership;
use loom::thread;
use std::sync::Arc;

struct Machine {
    m: Ownership,
    p: DataCell<u32>,
    /// Whether the M's P pointer names the P that sysmon wants. Sysmon reads the pointer only to
    /// find that out.
    holds_p: DataCell<bool>,
}

// SAFETY: only the owner of the P accesses `p`. Only the owner inside the runtime, or sysmon while
// it keeps the owner out, accesses `holds_p`. loom checks that this is one thread at a time.
unsafe impl Sync for Machine {}

/// Uses a P that the calling thread owns.
fn use_p(machine: &Machine) {
    // SAFETY: the protocol says that the P is ours; loom fails the model if it is not.
    machine.p.with_mut(|p| unsafe { *p += 1 });
}

/// The owner enters the runtime `times` times, and uses its P while it has it.
fn owner(machine: &Machine, times: u32) -> u32 {
    let mut used = 0;
    let mut has_p = true;
    for _ in 0..times {
        has_p &= machine.m.enter();
        if has_p {
            use_p(machine);
            used += 1;
        }
        machine.m.leave();
    }
    used
}

/// As [`owner`], but enters in passing if it can. Returns whether it has its P.
fn hasty_owner(machine: &Machine, times: u32) -> bool {
    let mut has_p = true;
    for _ in 0..times {
        if has_p && !machine.m.try_enter() {
            assert!(!machine.m.is_inside(), "the owner has no P, and is inside");
            has_p = machine.m.enter();
        }
        if has_p {
            use_p(machine);
            machine.m.leave();
        }
    }
    has_p
}

fn machine() -> Arc<Machine> {
    Arc::new(Machine {
        m: Ownership::new(),
        p: DataCell::new(0),
        holds_p: DataCell::new(true),
    })
}

#[test]
fn sysmon_or_a_thief_never_has_a_p_that_its_owner_uses_in_passing() {
    fn model(visitor: impl FnOnce(&Machine) -> bool) {
        let machine = machine();
        machine.m.leave();
        let theirs = Arc::clone(&machine);
        let owner = thread::spawn(move || hasty_owner(&theirs, 2));
        let taken = visitor(&machine);
        let has_p = owner.join().unwrap();
        assert!(taken || has_p, "the owner lost a P that was not taken");
    }
    explore(|| {
        model(|machine| {
            let taken = machine.m.take(|| true);
            if taken {
                use_p(machine);
            }
            taken
        });
    });
    explore(|| {
        model(|machine| {
            visit(machine);
            false
        });
    });
}

/// Reads the P pointer, as sysmon does while it keeps the owner in user code.
fn still_held(machine: &Machine) -> bool {
    // SAFETY: the protocol says that the owner does not touch the pointer. loom fails the model if
    // it does.
    machine.holds_p.with(|holds| unsafe { *holds })
}

#[test]
fn sysmon_never_takes_a_p_that_its_owner_uses() {
    explore(|| {
        let machine = machine();
        machine.m.leave();
        let theirs = Arc::clone(&machine);
        let owner = thread::spawn(move || owner(&theirs, 2));
        let taken = machine.m.take(|| true);
        if taken {
            use_p(&machine);
        }
        let used = owner.join().unwrap();
        assert!(
            taken || used == 2,
            "an owner that kept its P was kept from using it"
        );
    });
}

#[test]
fn a_refused_request_leaves_the_owner_its_p() {
    explore(|| {
        let machine = machine();
        machine.m.leave();
        let theirs = Arc::clone(&machine);
        let owner = thread::spawn(move || owner(&theirs, 1));
        let taken = machine.m.take(|| false);
        assert!(!taken);
        assert_eq!(owner.join().unwrap(), 1);
    });
}

/// Visits the P as a thief. Returns whether the owner let it in.
fn visit(machine: &Machine) -> bool {
    let visited = machine.m.visit(|| {
        // SAFETY: the protocol says that the owner does not touch the pointer, and that the P is
        // ours if the M has it. loom fails the model if not.
        if machine.holds_p.with(|holds| unsafe { *holds }) {
            use_p(machine);
        }
    });
    visited.is_some()
}

#[test]
fn thief_uses_a_p_that_its_owner_uses() {
    explore_all(|| {
        let machine = machine();
        machine.m.leave();
        let theirs = Arc::clone(&machine);
        let owner = thread::spawn(move || owner(&theirs, 2));
        visit(&machine);
        assert_eq!(owner.join().unwrap(), 2);
    });
}

/// The owner has waited for the thief, and enters again while the thief comes back.
#[test]
fn thief_comes_back_unnoticed() {
    explore_further(|| {
        let machine = machine();
        machine.m.leave();
        let theirs = Arc::clone(&machine);
        let owner = thread::spawn(move || owner(&theirs, 1));
        visit(&machine);
        visit(&machine);
        assert_eq!(owner.join().unwrap(), 1);
    });
}

/// The owner does not wait for the first thief any longer. The second one makes a request before
/// the first one looks again.
#[test]
fn thief_takes_the_request_of_another_for_its_own() {
    explore_further(|| {
        let machine = machine();
        machine.m.leave();
        let thieves = [0, 1].map(|_| {
            let machine = Arc::clone(&machine);
            thread::spawn(move || visit(&machine))
        });
        assert_eq!(owner(&machine, 2), 2);
        for thief in thieves {
            thief.join().unwrap();
        }
    });
}

/// Sysmon takes the P. A thief has not noticed yet.
#[test]
fn thief_uses_a_p_that_sysmon_has_taken() {
    explore(|| {
        let machine = machine();
        machine.m.leave();
        let thief = thread::spawn({
            let machine = Arc::clone(&machine);
            move || visit(&machine)
        });
        let owner = thread::spawn({
            let machine = Arc::clone(&machine);
            move || {
                if !machine.m.enter() {
                    // SAFETY: the owner is inside. loom fails the model if a visitor reads at the
                    // same time.
                    machine.holds_p.with_mut(|holds| unsafe { *holds = false });
                }
                machine.m.leave();
            }
        });
        machine.m.take(|| still_held(&machine));
        thief.join().unwrap();
        owner.join().unwrap();
    });
}

#[test]
fn sysmon_looks_at_the_p_pointer_only_while_its_owner_leaves_it_alone() {
    fn look(still_wanted: bool) {
        let machine = machine();
        machine.m.leave();
        let theirs = Arc::clone(&machine);
        let owner = thread::spawn(move || {
            let has_p = theirs.m.enter();
            // Without a P the owner clears the pointer, with one it may give up the P: a write in
            // both cases.
            // SAFETY: the owner is inside. loom fails the model if sysmon reads at the same time.
            theirs.holds_p.with_mut(|holds| unsafe { *holds = false });
            theirs.m.leave();
            has_p
        });
        // `still_wanted` is false if the P that sysmon wants has moved to another M in the
        // meantime.
        let taken = machine.m.take(|| still_held(&machine) && still_wanted);
        assert_eq!(owner.join().unwrap(), !taken);
    }
    explore(|| look(true));
    explore(|| look(false));
}

/// The owner lends its P, enters the runtime, and uses the P if it still has it. Returns whether it
/// has.
fn lender(machine: &Machine) -> bool {
    use_p(machine);
    machine.m.leave();
    machine.m.lend();
    let has_p = machine.m.enter();
    if has_p {
        use_p(machine);
    }
    // SAFETY: the owner is inside. loom fails the model if a taker reads at the same time.
    machine.holds_p.with_mut(|holds| unsafe { *holds = has_p });
    machine.m.leave();
    has_p
}

/// An M without a P takes the lent one, and uses it. Returns whether it has taken it.
fn borrower(machine: &Machine) -> bool {
    let taken = machine.m.take_lent(|| still_held(machine));
    if taken {
        use_p(machine);
    }
    taken
}

#[test]
fn a_lent_p_is_used_by_its_owner_or_by_the_one_that_took_it() {
    explore(|| {
        let machine = machine();
        let theirs = Arc::clone(&machine);
        let owner = thread::spawn(move || lender(&theirs));
        let taken = borrower(&machine);
        assert_eq!(owner.join().unwrap(), !taken);
    });
}

#[test]
fn a_lent_p_that_is_not_taken_is_its_owners_again() {
    explore(|| {
        let machine = machine();
        let theirs = Arc::clone(&machine);
        let owner = thread::spawn(move || lender(&theirs));
        assert!(!machine.m.take_lent(|| {
            still_held(&machine);
            false
        }));
        assert!(owner.join().unwrap());
    });
}

#[test]
fn of_two_takers_of_a_lent_p_one_gets_it_at_most() {
    explore(|| {
        let machine = machine();
        let (theirs, others) = (Arc::clone(&machine), Arc::clone(&machine));
        let owner = thread::spawn(move || lender(&theirs));
        let other = thread::spawn(move || borrower(&others));
        // This is sysmon, which takes the P whether it is lent or not.
        let taken = machine.m.take(|| still_held(&machine));
        if taken {
            use_p(&machine);
        }
        let borrowed = other.join().unwrap();
        let kept = owner.join().unwrap();
        // Sysmon may also take the P after the owner has left again.
        assert!(!(taken && borrowed), "taken twice");
        assert!(kept || taken || borrowed, "the P is lost");
    });
}
