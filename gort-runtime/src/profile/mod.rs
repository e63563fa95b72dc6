//! Profiles: how many goroutines are where, and where they wait how long.
//!
//! | | what it tells | Go's |
//! |---|---|---|
//! | [`goroutines`] | how many goroutines have each stack, now | `goroutine` |
//! | [`block`] | where goroutines have waited, and how long | `block` |
//! | [`mutex`] | who kept others waiting for locks, and how long | `mutex` |
//!
//! The last two are empty until [`set_rate`] switches them on.
//!
//! Names of functions come from the program's symbols, and lines and inlined functions from its debug information, if
//! it has some. They take the feature `backtrace`. Without it there are addresses in the profiles of waits, and in
//! [`goroutines`] the places where goroutines were spawned and wait; with `GORT_DEBUG=backtrace=1`, addresses there too. The
//! same places, and no others, are in all profiles where goroutines are threads.

mod goroutines;
mod pprof;
mod samples;
#[cfg_attr(gort_threads, path = "../threads/profile_stacks.rs")]
mod stacks;

pub use samples::Profile;

use crate::api::goroutine::GoroutineId;
use crate::api::system_stack::on_system_stack;
use crate::proc::tls;

/// Returns how many goroutines there are with each stack. The counts sum to
/// [`num_goroutines`](crate::num_goroutines), as far as none starts or ends meanwhile.
///
/// Nobody is stopped: each stack was a goroutine's at some moment during the call. Goroutines that wait or are in a run
/// queue are looked at where they are, and the caller is too. One that runs on another thread, or has not begun to run,
/// has two frames: the place where it was spawned, and `running` or `created`.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// let mut text = Vec::new();
/// let waits = go!(|| gort::time::sleep(Duration::from_millis(10)));
/// gort::runtime::profile::goroutines().folded(&mut text)?;
/// let text = String::from_utf8_lossy(&text);
/// let counts = text.lines().map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap());
/// assert!(counts.sum::<usize>() >= 1);
/// # waits.join().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn goroutines() -> Profile {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1), of which an atomic is read.
    let caller = tls::goroutine().map(|gp| GoroutineId::new(unsafe { gp.as_ref() }.id()));
    let caller = caller.map(|id| (id, stacks::of_caller()));
    on_system_stack(|| goroutines::profile(caller))
}
