//! Polls the network once.
//!
//! Go's `netpoll`. A poll returns a list of the goroutines that became ready, and leaves it to the
//! caller to run them. It wakes plain threads directly.
//!
//! A program without sockets pays nothing: the epoll instance is created for the first descriptor.
//! (The models have a stand-in, `poll_loom.rs`.)

use super::desc::Desc;
use super::epoll::{Block, Epoll, Event};
use super::table;
use super::waiting::record_poll;
use crate::base::forked::{forked, refuse_in_child};
use crate::base::prim::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use crate::proc::gqueue::GQueue;
use crate::time::Nanos;
use crate::wait::waiter::Waiter;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;

static EPOLL: OnceLock<Epoll> = OnceLock::new();

/// Whether a thread is in [`poll_without_blocking`].
static IN_NONBLOCKING_POLL: AtomicBool = AtomicBool::new(false);

fn epoll() -> io::Result<&'static Epoll> {
    match EPOLL.get() {
        Some(epoll) => Ok(epoll),
        None => {
            let epoll = Epoll::new()?;
            Ok(EPOLL.get_or_init(|| epoll))
        }
    }
}

/// A descriptor's place in the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    index: u32,
    pub(crate) desc: &'static Desc,
}

/// Takes a free place in the table for one owner, which must pass it to [`retire`].
pub(crate) fn open() -> io::Result<Place> {
    let Some((index, desc)) = table::take() else {
        return Err(io::ErrorKind::OutOfMemory.into());
    };
    desc.open();
    Ok(Place { index, desc })
}

/// From now on, every edge of `fd` marks `entry` ready.
pub(crate) fn watch(fd: BorrowedFd<'_>, entry: Place) -> io::Result<()> {
    refuse_in_child();
    let data = u64::from(entry.desc.generation()) << 32 | u64::from(entry.index);
    epoll()?.add(fd, data)
}

/// Stops watching `fd`. In a child of `fork` this does nothing, because the parent still watches
/// it.
pub(crate) fn unwatch(fd: BorrowedFd<'_>) {
    if forked() {
        return;
    }
    if let Some(epoll) = EPOLL.get() {
        epoll.remove(fd);
    }
}

/// Gives the entry back. Its descriptor must not be watched any more.
pub(crate) fn retire(entry: Place) {
    entry.desc.retire();
    table::put(entry.index);
}

/// Replaces the file that `fd` names by a dead socket.
pub(crate) fn replace_by_dead(fd: BorrowedFd<'_>) {
    if let Some(epoll) = EPOLL.get() {
        epoll.replace_by_dead(fd);
    }
}

/// Makes the M in [`poll`] return. If no M is there, the next one that enters returns immediately.
pub(crate) fn interrupt() {
    if let Some(epoll) = EPOLL.get() {
        epoll.interrupt();
    }
}

/// Blocks until goroutines are ready, until `until` (`None` means no limit), or until
/// [`interrupt`] is called. May also return for no reason. Appends the goroutines that became ready
/// to `ready`; the caller owns them.
pub(crate) fn poll(until: Option<Nanos>, ready: &GQueue) {
    if let Some(epoll) = EPOLL.get() {
        let block = until.map_or(Block::ForEver, Block::Until);
        // Polls again if no goroutine became ready: most edges come while nothing waits for them.
        while epoll.wait(block, |event| deliver(event, ready)) && ready.is_empty() {}
    }
}

/// Takes the events that have come, without blocking. Does nothing if another thread is in this
/// function. Appends the goroutines that became ready to `ready`; the caller owns them and must
/// make them runnable.
pub(crate) fn poll_without_blocking(ready: &GQueue) {
    let Some(epoll) = EPOLL.get() else { return };
    if IN_NONBLOCKING_POLL.swap(true, Acquire) {
        return;
    }
    record_poll();
    epoll.wait(Block::No, |event| deliver(event, ready));
    IN_NONBLOCKING_POLL.store(false, Release);
}

fn deliver(event: Event, ready: &GQueue) {
    let (index, generation) = (event.data as u32, (event.data >> 32) as u32);
    let Some(desc) = table::get(index) else {
        return;
    };
    if desc.generation() != generation {
        return;
    }
    let woken = [
        event.readable.then(|| desc.read.ready()),
        event.writable.then(|| desc.write.ready()),
    ];
    for word in woken.into_iter().flatten().flatten() {
        // SAFETY: `iowait.rs` put the word there, from `to_word`, as the last step of the waiter's
        // park. Taking it out of the slot gives the right to wake the waiter, which passes to the
        // owner of `ready` (`poll`, `poll_without_blocking`).
        unsafe { Waiter::from_word(word).ready_into(ready) };
    }
}
