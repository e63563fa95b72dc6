//! Profiles: how many goroutines have each stack, and where and how long goroutines wait.
//!
//! | | content | in Go |
//! |---|---|---|
//! | [`goroutines`] | how many goroutines have each stack, now | `goroutine` |
//! | [`block`] | where goroutines have waited, and how long | `block` |
//! | [`mutex`] | which goroutines kept others waiting for locks, and how long | `mutex` |
//!
//! The last two are empty until [`set_rate`] switches them on.
//!
//! With `GORT_PROFILE=PREFIX` in the environment, all three are written at every orderly end of the
//! program, as `PREFIX.goroutine.pb`, `PREFIX.block.pb` and `PREFIX.mutex.pb`. The rate is then
//! 10,000 from the beginning.
//!
//! Names of functions come from the program's symbols. Lines and inlined functions come from its
//! debug information, if there is any. Both need the feature `backtrace`. Without this feature the
//! profiles of waits contain addresses, and [`goroutines`] contains the places where goroutines
//! were spawned and where they wait; with `GORT_DEBUG=backtrace=1` it contains addresses as well.
//! If goroutines are threads, all profiles contain these places only.

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
/// [`num_goroutines`](crate::num_goroutines), unless goroutines start or end during the call.
///
/// No goroutine is stopped: each stack was a goroutine's at some moment during the call. The
/// profile has the stacks of the caller, of goroutines that wait, and of goroutines in a run queue.
/// A goroutine that runs on another thread, or that has not begun to run, has two frames: the place
/// where it was spawned, and `running` or `created`.
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
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1), and only an atomic is read.
    let caller = tls::goroutine().map(|gp| GoroutineId::new(unsafe { gp.as_ref() }.id()));
    let caller = caller.map(|id| (id, addresses_here()));
    on_system_stack(|| goroutines::profile(caller))
}

/// Returns where goroutines have waited for other goroutines since [`set_rate`], how often, and for
/// how many nanoseconds. This covers channels, selects, locks, groups, ends of goroutines and the
/// like. Sleeping and waiting for sockets do not count. A wait is recorded when it has ended. This
/// is Go's `block` profile.
///
/// The stack is that of the goroutine that has waited. Waits of plain threads are not recorded.
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

/// Returns where goroutines have kept others waiting for a [`Mutex`] or a [`RwLock`] since
/// [`set_rate`], how many were kept waiting, and for how many nanoseconds. The stack is that of the
/// *unlocking*, and the time is the sum over all waiters: a lock that is held for a millisecond
/// while ten goroutines wait counts ten milliseconds. This is Go's `mutex` profile.
///
/// A waiter's time is charged to the next goroutine that unlocks. The time that it waits after that
/// is charged to the goroutine that unlocks next, and so on.
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

/// Sets the rate at which waits are recorded from now on, for [`block`] and [`mutex`]: one sample
/// for every `nanoseconds` of waiting on average. 1 records every wait, and 0 records none. For
/// both profiles this has the meaning of Go's `runtime.SetBlockProfileRate`.
///
/// A wait shorter than `nanoseconds` is recorded with a probability in proportion to its length,
/// and then counts for several waits, so that sums stay right on average. What has been recorded
/// is kept. Waits that began while the rate was 0 are not recorded.
///
/// Recording a wait takes some microseconds and 4 KiB of the goroutine's stack. 10,000 (one sample
/// for 10 µs of waiting) is cheap enough to be left on.
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
