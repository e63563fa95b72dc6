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
//! `GORT_PROFILE=PREFIX` in the environment has all three written when the program ends in good order, as `PREFIX.goroutine.pb`,
//! `PREFIX.block.pb` and `PREFIX.mutex.pb`, with the rate 10,000 from the beginning on.
//!
//! Names of functions come from the program's symbols, and lines and inlined functions from its debug information, if
//! it has some. They take the feature `backtrace`. Without it there are addresses in the profiles of waits, and in
//! [`goroutines`] the places where goroutines were spawned and wait; with `GORT_DEBUG=backtrace=1`, addresses there too. The
//! same places, and no others, are in all profiles where goroutines are threads.

pub(crate) mod at_exit;
pub(crate) mod contention;
mod goroutines;
pub(crate) mod members;
mod output;
mod pprof;
mod samples;
#[cfg_attr(gort_threads, path = "../threads/profile_stacks.rs")]
mod stacks;
mod waits;
pub(crate) mod window;

pub use output::Profile;

use crate::api::goroutine::GoroutineId;
use crate::api::system_stack::on_system_stack;
use crate::proc::tls;
use crate::report::callers::addresses_here;

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
    let caller = caller.map(|id| (id, addresses_here()));
    on_system_stack(|| goroutines::profile(caller))
}

/// Returns where goroutines have waited for others since [`set_rate`], how often, and for how many nanoseconds: on
/// channels, in selects, for locks, groups, ends of goroutines and the like. Sleeping and waiting for sockets are no such
/// waits. A wait is recorded when it has ended. Go's `block` profile.
///
/// The stack is that of the goroutine that has waited. Plain threads that wait are not recorded.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::runtime::profile;
///
/// fn wait_for_it(rx: &Receiver<()>) {
///     rx.recv().unwrap();
/// }
///
/// profile::set_rate(1);
/// let (tx, rx) = bounded(0);
/// let waiter = go!(move || wait_for_it(&rx));
/// gort::time::sleep(Duration::from_millis(10));
/// tx.send(()).unwrap();
/// waiter.join().unwrap();
/// let mut text = Vec::new();
/// profile::block().folded(&mut text)?;
/// // `program::main::{{closure}};program::wait_for_it 10085513`
/// # profile::set_rate(0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn block() -> Profile {
    on_system_stack(|| waits::profile(&contention::BLOCKED))
}

/// Returns who has kept others waiting for a [`Mutex`] or a [`RwLock`] since [`set_rate`], how many of them, and for how
/// many nanoseconds. The stack is that of the *unlocking*, and the time the sum over all that waited: a lock that is held
/// for a millisecond while ten wait counts ten milliseconds. Go's `mutex` profile.
///
/// A waiter's time counts for whoever unlocks next while it waits, and what it waits after that for the next one.
///
/// [`Mutex`]: https://docs.rs/gort/latest/gort/sync/struct.Mutex.html
/// [`RwLock`]: https://docs.rs/gort/latest/gort/sync/struct.RwLock.html
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::runtime::profile;
/// use std::sync::Arc;
///
/// fn keep_for_long(lock: &Mutex<u32>) {
///     let mut held = lock.lock();
///     gort::time::sleep(Duration::from_millis(10));
///     *held += 1;
///     // Unlocked here, and charged with what the others have waited.
/// }
///
/// profile::set_rate(1);
/// let lock = Arc::new(Mutex::new(0));
/// let all: Vec<_> = (0..3).map(|_| go!(clone [lock]; { keep_for_long(&lock) })).collect();
/// all.into_iter().for_each(|one| one.join().unwrap());
/// let mut text = Vec::new();
/// profile::mutex().folded(&mut text)?;
/// // `program::main::{{closure}};program::keep_for_long 30206514`: two have waited, then one.
/// # profile::set_rate(0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn mutex() -> Profile {
    on_system_stack(|| waits::profile(&contention::HELD))
}

/// Has waits recorded from now on, for [`block`] and [`mutex`]: one sample for every `nanoseconds` of waiting on average. 1
/// records every wait, 0 none. Go's `runtime.SetBlockProfileRate`, of which this is the meaning for both profiles.
///
/// Waits shorter than that are recorded now and then, and then count for all of their kind, so that sums stay right on
/// average. What has been recorded is kept. Waits that began while the rate was 0 are not recorded.
///
/// A recorded wait takes some microseconds, and 4 KiB of the goroutine's stack while it is recorded. 10,000 (one sample in
/// 10 µs of waiting) is cheap enough to be left on.
///
/// # Examples
/// ```
/// use gort::runtime::profile;
///
/// profile::set_rate(10_000);
/// // Now the part of the program that is slow.
/// profile::set_rate(0);
/// let waits = profile::block();
/// # drop(waits);
/// ```
pub fn set_rate(nanoseconds: u64) {
    contention::set_rate(nanoseconds);
}
