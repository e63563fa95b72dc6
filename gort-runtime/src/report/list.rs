//! Lists what every goroutine is doing.

use crate::api::goroutine::GoroutineId;
use crate::base::prim::Ordering::{Acquire, Relaxed};
use crate::os;
use crate::proc::bubble::{BY_LOCK, Bubble};
use crate::proc::g::G;
use crate::proc::gstatus::GStatus;
use crate::proc::waitreason::WaitReason;
use crate::record;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

/// What a goroutine is doing.
///
/// ```
/// use gort::prelude::*;
/// use gort::runtime::{GoroutineState, goroutines};
///
/// let me = go!(|| {
///     let id = gort::current().id();
///     goroutines().into_iter().find(|info| info.id == id)
/// });
/// assert_eq!(me.join().unwrap().unwrap().state, GoroutineState::Running);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GoroutineState {
    /// Started, but has not run yet and has no stack.
    Created,
    /// In a run queue, and has run before.
    Runnable,
    /// Running on a thread.
    Running,
    /// Parked. The reason says what it waits for.
    Waiting,
}

/// One goroutine, as [`goroutines`] saw it.
///
/// ```
/// for info in gort::runtime::goroutines() {
///     let name = info.name.as_deref().unwrap_or("a goroutine");
///     print!("{name} ({}): {:?}", info.id, info.state);
///     if let Some(place) = info.at {
///         print!(", {} at {place} for {:?}", info.reason, info.since);
///     }
///     println!();
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GoroutineInfo {
    /// The goroutine's id.
    pub id: GoroutineId,
    /// The goroutine's name, if it was given one.
    pub name: Option<Arc<str>>,
    /// What it was doing.
    pub state: GoroutineState,
    /// Why it waits, if it waits.
    pub reason: WaitReason,
    /// Roughly how long it has waited. Zero unless it waits.
    pub since: Duration,
    /// Where it waits.
    pub at: Option<&'static Location<'static>>,
    /// Where it was spawned.
    pub spawned_at: Option<&'static Location<'static>>,
    /// The id of the goroutine's oldest ancestor, or its own id if no goroutine started it.
    #[doc(hidden)]
    pub root: GoroutineId,
    /// The number of the goroutine's bubble, or 0 if it is in none; and whether the goroutine waits
    /// for a lock that a goroutine outside the bubble may hold.
    #[doc(hidden)]
    pub bubble: (u32, bool),
    /// Whether a timer has started it. `spawned_at` is then where the timer was armed.
    #[doc(hidden)]
    pub by_timer: bool,
}

/// Returns all goroutines that have not ended, ordered by id. This does not stop the world: each
/// entry was true at some moment during the call, but not all at the same one. Go's
/// `runtime.GoroutineProfile`.
///
/// ```
/// use gort::prelude::*;
/// use gort::runtime::goroutines;
///
/// let (tx, rx) = bounded::<()>(0);
/// let idler = go!(name = "idler"; { rx.recv() });
/// let found = goroutines().into_iter().find(|info| info.name.as_deref() == Some("idler"));
/// assert_eq!(found.unwrap().id, idler.goroutine().id());
/// drop(tx);
/// idler.join().unwrap().unwrap_err();
/// ```
#[must_use]
pub fn goroutines() -> Vec<GoroutineInfo> {
    with_gs().into_iter().map(|(_, info)| info).collect()
}

/// Returns the entries of [`goroutines`], each with its G. By the time this returns, the G may
/// belong to another goroutine.
pub(crate) fn with_gs() -> Vec<(NonNull<G>, GoroutineInfo)> {
    let now = os::now_ns();
    let mut all = Vec::new();
    record::for_each(|g| {
        let state = match GStatus::of(g.status.load(Acquire)) {
            GStatus::Runnable if !g.has_begun.load(Relaxed) => GoroutineState::Created,
            GStatus::Runnable => GoroutineState::Runnable,
            GStatus::Running => GoroutineState::Running,
            GStatus::Waiting | GStatus::Observed => GoroutineState::Waiting,
            GStatus::Idle | GStatus::Dead => return,
        };
        if g.bubble().is_some_and(Bubble::is_given_up) {
            return;
        }
        let waiting = state == GoroutineState::Waiting;
        let info = GoroutineInfo {
            id: GoroutineId::new(g.id()),
            name: g.name(),
            state,
            reason: if waiting {
                g.reason()
            } else {
                WaitReason::None
            },
            since: Duration::from_nanos(if waiting {
                now.saturating_sub(g.since())
            } else {
                0
            }),
            at: g.site().filter(|_| waiting),
            spawned_at: g.spawned_at(),
            root: GoroutineId::new(g.root()),
            bubble: (
                g.bubble().map_or(0, Bubble::id),
                waiting && g.blocks() & BY_LOCK != 0,
            ),
            by_timer: g.is_by_timer(),
        };
        all.push((NonNull::from(g), info));
    });
    all.sort_by_key(|(_, info)| info.id);
    all
}
