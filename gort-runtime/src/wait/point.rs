//! Points: where a goroutine whose schedule is explored lets somebody choose who goes on.
//!
//! One stands at the beginning of each operation of gort's, before it has locked or looked at anything; and behind each start of a
//! goroutine. Where nobody explores it is a look at a word that is 0 (`turns/gate.rs`), or not even that: the operations of
//! channels look where they have found that the channel is a bubble's, which they ask anyway.
//!
//! An operation that touches something else than what it has said, or is no point itself (a destructor), says so
//! ([`touch`]). What cannot name one thing touches [`EVERYTHING`].

use crate::arch::Gobuf;
use crate::base::prim::Ordering::Relaxed;
use crate::bubble::pool::Kept;
use crate::bubble::turn;
use crate::proc::g::G;
use crate::proc::gstatus::{GStatus, casgstatus};
use crate::proc::m::{M, OnG0};
use crate::proc::tls;
use crate::sched::held;
use crate::sched::run::schedule;
use crate::turns::choice::{Thing, UNSEEN};
use crate::turns::gate;
use crate::turns::schedule::{Act, Question};
use crate::wait::leave::{pass_on, switch_by};
use std::panic::Location;
use std::ptr::{self, NonNull};

pub use crate::turns::choice::EVERYTHING;

/// Whether somebody in this process explores: then one is in time who would leave before its point.
#[inline(always)]
#[must_use]
pub fn is_exploring() -> bool {
    gate::is_open()
}

/// The caller is about to do this to `thing`.
#[inline(always)]
pub fn point<T: ?Sized>(what: &'static str, thing: &T, site: &'static Location<'static>) {
    if gate::is_open() {
        explored(what, address(thing), Some(site));
    }
}

/// Whether an operation would be done without a wait. Only for one of which nobody can see that it waits: others come first
/// where they can, so it is not tried in vain.
pub trait Ready: Sync {
    /// Called on other threads, while others use it.
    fn is_ready(&self) -> bool;
}

/// As [`point`], for what waits until `is_ready`.
#[inline(always)]
pub fn point_when_ready<T: ?Sized, R: Ready>(
    what: &'static str,
    thing: &T,
    is_ready: &R,
    site: &'static Location<'static>,
) {
    if gate::is_open() {
        explored_when_ready(what, address(thing), is_ready, site);
    }
}

/// The same where nobody can say who calls: in a destructor.
#[inline(always)]
pub fn point_in_drop<T: ?Sized>(what: &'static str, thing: &T) {
    if gate::is_open() {
        explored(what, address(thing), None);
    }
}

/// The caller is about to do this to several things, or to what it cannot name.
#[inline(always)]
pub fn point_of_all(what: &'static str, site: &'static Location<'static>) {
    if gate::is_open() {
        explored(what, EVERYTHING, Some(site));
    }
}

/// The caller has started a goroutine: who goes on?
#[inline(always)]
pub(crate) fn point_behind_go(site: &'static Location<'static>) {
    if gate::is_open() {
        explored_behind_go(site);
    }
}

/// `yield_now`; false: nobody explores the caller.
#[cold]
#[inline(never)]
pub(super) fn yields(site: &'static Location<'static>) -> bool {
    at_point(act("yield", UNSEEN, Some(site)), false)
}

fn address<T: ?Sized>(thing: &T) -> Thing {
    ptr::from_ref(thing).cast::<()>().addr()
}

fn act(what: &'static str, thing: Thing, site: Option<&'static Location<'static>>) -> Act {
    Act {
        question: None,
        what,
        thing,
        site,
    }
}

// What is in the way of others is only the look, and a call with what is in registers.

#[cold]
#[inline(never)]
fn explored(what: &'static str, thing: Thing, site: Option<&'static Location<'static>>) {
    at_point(act(what, thing, site), false);
}

#[cold]
#[inline(never)]
fn explored_when_ready<R: Ready>(
    what: &'static str,
    thing: Thing,
    is_ready: &R,
    site: &'static Location<'static>,
) {
    let question = Question {
        ask: ask::<R>,
        of: ptr::from_ref(is_ready).cast(),
    };
    let act = Act {
        question: Some(question),
        ..act(what, thing, Some(site))
    };
    at_point(act, false);
}

#[cold]
#[inline(never)]
fn explored_behind_go(site: &'static Location<'static>) {
    at_point(act("go", UNSEEN, Some(site)), true);
}

/// # Safety
/// `of` is an `R`, which stays where it is until this returns. (On whatever thread: `Ready` asks for `Sync`.)
unsafe fn ask<R: Ready>(of: *const ()) -> bool {
    // SAFETY: caller's clause: an `R`, and in place.
    unsafe { &*of.cast::<R>() }.is_ready()
}

/// The caller touches it, or [`EVERYTHING`], besides what its last point has said.
#[inline(always)]
pub fn touch(thing: Thing) {
    if gate::is_open()
        && let Some(explorer) = turn::explorer()
    {
        explorer.touch(thing);
    }
}

/// Chooses one of `n`, for a caller whose schedule is explored, who says by [`branched`] what came of it.
#[inline(always)]
#[must_use]
pub fn branch(n: usize) -> Option<usize> {
    if !gate::is_open() {
        return None;
    }
    turn::explorer().map(|explorer| explorer.branch(n))
}

/// What came of the last [`branch`]: where two come to the same, one of them is enough.
pub fn branched(into: usize) {
    if let Some(explorer) = turn::explorer() {
        explorer.branched(into);
    }
}

/// False: nobody explores the caller, or it is on the system stack.
fn at_point(act: Act, has_done: bool) -> bool {
    let Some(gp) = tls::getg() else { return false };
    let Some(explorer) = turn::explorer() else {
        return false;
    };
    let next = explorer.point(act, has_done);
    if next != Some(gp) {
        // SAFETY: clause of `switch_by`: `pass_m` makes `gp` Runnable; then it is its explorer's.
        unsafe { switch_by(gp, pass_m) };
    }
    true
}

/// On g0: the goroutine has passed on its turn, or the schedule is over.
///
/// # Safety
/// That of [`OnG0Fn`](crate::arch::OnG0Fn), from `at_point`.
unsafe extern "C" fn pass_m(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: caller's clause: a G begins with the context that was passed, and an M with g0's; neither
    // is null, both pointers are to the whole (`G::gobuf`, `M::g0`). This runs on that M's g0.
    let (gp, m) = unsafe {
        (
            NonNull::new_unchecked(from.cast::<G>()),
            OnG0::of(&*m.cast::<M>()),
        )
    };
    // SAFETY: a G for ever; it was running on this M. From `point` on it may have its turn again, but not before
    // whoever has it now has been queued, which is below.
    let g = unsafe { gp.as_ref() };
    if m.held_p().is_some() {
        g.suspect.store(held::CLEARED, Relaxed);
    }
    casgstatus(&g.status, GStatus::Running, GStatus::Runnable);
    m.curg.set(ptr::null_mut());
    if let Some(bubble) = g.bubble() {
        // `gp` must not be touched below.
        pass_on(Kept::of(bubble).explorer.passed(bubble));
    }
    schedule(m)
}
