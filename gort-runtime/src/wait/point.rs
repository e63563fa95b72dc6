//! Points: places at which a goroutine in an explored schedule lets the explorer choose which
//! goroutine continues.
//!
//! There is a point at the beginning of each operation of gort, before it has locked or examined
//! anything, and after each start of a goroutine. If nothing is explored, a point costs one load of
//! a word that is 0 (`turns/gate.rs`). Channel operations do not pay even that: they load the word
//! only after they have found that the channel belongs to a bubble, which they check anyway.
//!
//! An operation that touches something other than what its point has named, or that has no point
//! itself (a destructor), reports that with [`touch`]. An operation that cannot name a single thing
//! touches [`EVERYTHING`].

use crate::arch::Gobuf;
use crate::base::prim::Ordering::Relaxed;
use crate::bubble::pool::PooledBubble;
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

/// Returns whether any schedule is being explored in this process. Operations that would otherwise
/// return before their point check this first.
#[inline(always)]
#[must_use]
pub fn is_exploring() -> bool {
    gate::is_open()
}

/// Marks the point before an operation `what` on `thing`.
#[inline(always)]
pub fn point<T: ?Sized>(what: &'static str, thing: &T, site: &'static Location<'static>) {
    if gate::is_open() {
        explored(what, address(thing), Some(site));
    }
}

/// Tells whether an operation could be done without waiting. While it could not, the explorer does
/// not choose the goroutine if it can choose another. Implement this only for operations whose
/// waiting leaves no trace that other goroutines could see.
pub trait Ready: Sync {
    /// Returns whether the operation could be done now. Called on any thread, while other
    /// goroutines use the object.
    fn is_ready(&self) -> bool;
}

/// Like [`point`], for an operation that waits until `is_ready`.
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

/// Like [`point`], in a destructor, where the caller's location is unknown.
#[inline(always)]
pub fn point_in_drop<T: ?Sized>(what: &'static str, thing: &T) {
    if gate::is_open() {
        explored(what, address(thing), None);
    }
}

/// Marks the point before an operation on several things, or on something that the caller cannot
/// name.
#[inline(always)]
pub fn point_of_all(what: &'static str, site: &'static Location<'static>) {
    if gate::is_open() {
        explored(what, EVERYTHING, Some(site));
    }
}

/// Marks the point after a goroutine has been started.
#[inline(always)]
pub(crate) fn point_after_go(site: &'static Location<'static>) {
    if gate::is_open() {
        explored_after_go(site);
    }
}

/// Marks the point of `yield_now`. Returns `false` if the caller is not explored.
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

// Programs that explore nothing pay only for reading the gate. Everything else is in these cold
// functions, whose arguments are in registers.

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
fn explored_after_go(site: &'static Location<'static>) {
    at_point(act("go", UNSEEN, Some(site)), true);
}

/// Asks an `R` whether it is ready.
///
/// # Safety
/// `of` is an `R`, which stays in place until this returns. (It may be asked on any thread: `Ready`
/// requires `Sync`.)
unsafe fn ask<R: Ready>(of: *const ()) -> bool {
    // SAFETY: the caller says that `of` is an `R`, which stays in place.
    unsafe { &*of.cast::<R>() }.is_ready()
}

/// Reports that the caller touches `thing`, or [`EVERYTHING`], in addition to what its last point
/// named.
#[inline(always)]
pub fn touch(thing: Thing) {
    if gate::is_open()
        && let Some(explorer) = turn::explorer()
    {
        explorer.touch(thing);
    }
}

/// Chooses one of `n` alternatives, if the caller is explored. The caller then reports the result
/// with [`branched`].
#[inline(always)]
#[must_use]
pub fn branch(n: usize) -> Option<usize> {
    if !gate::is_open() {
        return None;
    }
    turn::explorer().map(|explorer| explorer.branch(n))
}

/// Reports the result of the last [`branch`]. If two options have the same result, exploring one of
/// them is enough.
pub fn branched(into: usize) {
    if let Some(explorer) = turn::explorer() {
        explorer.branched(into);
    }
}

/// Lets the explorer choose which goroutine continues before `act`, or after it if `has_done`.
/// Returns `false` if the caller is not explored or is on the system stack.
fn at_point(act: Act, has_done: bool) -> bool {
    let Some(gp) = tls::getg() else { return false };
    let Some(explorer) = turn::explorer() else {
        return false;
    };
    let next = explorer.point(act, has_done);
    if next != Some(gp) {
        // SAFETY: the requirements of `switch_by`: `getg` says that `gp` runs here, and `pass_m`
        // makes `gp` Runnable. From then on `gp` belongs to its explorer.
        unsafe { switch_by(gp, pass_m) };
    }
    true
}

/// Makes the goroutine wait for its next turn, or for ever if the schedule is over. Runs on g0.
///
/// # Safety
/// The contract is that of [`OnG0Fn`](crate::arch::OnG0Fn). Only `at_point` uses this function.
unsafe extern "C" fn pass_m(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: the caller passes the context with which a G begins, and g0's context, with which an
    // M begins. Neither is null, and both pointers cover the whole object (`G::gobuf`, `M::g0`).
    // This runs on that M's g0.
    let (gp, m) = unsafe {
        (
            NonNull::new_unchecked(from.cast::<G>()),
            OnG0::of(&*m.cast::<M>()),
        )
    };
    // SAFETY: Gs live for ever. `gp` was running on this M. After `point` it may get its turn
    // again, but not before the goroutine that has the turn now has been queued, which happens
    // below.
    let g = unsafe { gp.as_ref() };
    if m.held_p().is_some() {
        g.hog_epoch.store(held::TESTED, Relaxed);
    }
    g.yields();
    casgstatus(&g.status, GStatus::Running, GStatus::Runnable);
    m.curg.set(ptr::null_mut());
    if let Some(bubble) = g.bubble() {
        // `gp` must not be touched below.
        pass_on(PooledBubble::of(bubble).explorer.passed(bubble));
    }
    schedule(m)
}
