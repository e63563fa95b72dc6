//! Models of the owner of a P against sysmon (`ownership.rs`).
//!
//! The P's data is a cell that loom watches. Two accesses without an order between them make the
//! model fail, which would happen if owner and sysmon both believed that they had the P. Both sides
//! of the protocol are the real ones, with full fences for the barriers. The P's way from sysmon to
//! its next M is left out.
//!
//! Without the owner's fence (`light_barrier` in `enter`) the first model fails: sysmon takes the P
//! while the owner writes it. With a relaxed load of the request in `enter` the last model fails:
//! the owner has not noticed sysmon's request and changes its M's P pointer while sysmon reads it.

use super::explore;
use crate::base::prim::DataCell;
use crate::proc::ownership::Ownership;
use loom::thread;
use std::sync::Arc;

struct Machine {
    m: Ownership,
    p: DataCell<u32>,
    /// Whether the M's P pointer names the P that sysmon wants. This is all that sysmon asks.
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

fn machine() -> Arc<Machine> {
    Arc::new(Machine {
        m: Ownership::new(),
        p: DataCell::new(0),
        holds_p: DataCell::new(true),
    })
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

#[test]
fn sysmon_looks_at_the_p_pointer_only_while_its_owner_leaves_it_alone() {
    fn look(means: bool) {
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
        // `means` is false if the P that sysmon wants has moved to another M in the meantime.
        let taken = machine.m.take(|| still_held(&machine) && means);
        assert_eq!(owner.join().unwrap(), !taken);
    }
    explore(|| look(true));
    explore(|| look(false));
}
