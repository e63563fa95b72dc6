//! The thread that is in `poll(2)` while a goroutine or thread waits for a descriptor.
//!
//! It polls the descriptors and directions that have a waiter now, and a socket through which other
//! threads interrupt its `poll`, so that it looks for waiters again. So it reports what is ready,
//! not edges: a woken goroutine tries its operation, and waits again if the operation would still
//! block.
//!
//! # Why no waiter is missed
//! A waiter first publishes itself in the slot's word (`commit`), and then takes the lock. If the
//! thread runs, the waiter interrupts its `poll`. If it does not, the waiter starts it. The thread
//! reads the words under the lock, and ends under the lock if there is no waiter. An interruption
//! is a byte in a socket, which stays there until the thread has read it.
//!
//! # Closing
//! `poll` keeps the files open that it polls. If a socket were closed in the meantime, its peer
//! would learn of that late, and `close` would not wait as `SO_LINGER` asks. So a thread that takes
//! a descriptor off the list interrupts the poll thread, and waits until that no longer polls the
//! descriptor.

use super::desc::Desc;
use super::table;
use crate::base::forked::{forked, refuse_in_child};
use crate::base::lock::{Lock, Rank};
use crate::base::throw::fatal;
use crate::os;
use crate::wait::waiter::Waiter;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::thread;

/// A descriptor's entry in the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    index: u32,
    pub(crate) desc: &'static Desc,
}

/// A descriptor that is watched for the current owner of its entry.
#[derive(Clone, Copy)]
struct WatchedFd {
    fd: RawFd,
    place: Place,
    generation: u32,
}

struct Poller {
    runs: bool,
    watched: Vec<WatchedFd>,
    /// The descriptors that the thread is polling.
    polled: Vec<RawFd>,
}

static POLLER: Lock<Poller> = Lock::ranked(
    Rank::Sched,
    Poller {
        runs: false,
        watched: Vec::new(),
        polled: Vec::new(),
    },
);

/// Returns the two ends of the socket through which the thread's `poll` is interrupted.
fn interrupt_sockets() -> io::Result<&'static (UnixStream, UnixStream)> {
    static SOCKETS: OnceLock<(UnixStream, UnixStream)> = OnceLock::new();
    if let Some(sockets) = SOCKETS.get() {
        return Ok(sockets);
    }
    os::make_dead_socket()?;
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    write.set_nonblocking(true)?;
    Ok(SOCKETS.get_or_init(|| (read, write)))
}

/// Returns a free entry of the table. Its one owner gives it to [`retire`] later.
pub(crate) fn open() -> io::Result<Place> {
    let Some((index, desc)) = table::take() else {
        return Err(io::ErrorKind::OutOfMemory.into());
    };
    desc.open();
    Ok(Place { index, desc })
}

/// Makes `entry` become ready when `fd` is ready and has a waiter.
pub(crate) fn watch(fd: BorrowedFd<'_>, entry: Place) -> io::Result<()> {
    refuse_in_child();
    interrupt_sockets()?;
    if !os::can_be_polled(fd) {
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    let fd = fd.as_raw_fd();
    let mut poller = POLLER.lock();
    if poller.watched.iter().any(|watched| watched.fd == fd) {
        return Err(io::Error::from_raw_os_error(libc::EEXIST));
    }
    poller.watched.push(WatchedFd {
        fd,
        place: entry,
        generation: entry.desc.generation(),
    });
    Ok(())
}

/// Stops watching `fd`.
pub(crate) fn unwatch(fd: BorrowedFd<'_>) {
    if forked() {
        return;
    }
    let fd = fd.as_raw_fd();
    POLLER.lock().watched.retain(|watched| watched.fd != fd);
    while POLLER.lock().polled.contains(&fd) {
        interrupt();
        thread::yield_now();
    }
}

/// Gives the entry back. Its descriptor is no longer watched.
pub(crate) fn retire(entry: Place) {
    entry.desc.retire();
    table::put(entry.index);
}

/// Replaces the file that `fd` names by a dead socket.
pub(crate) fn replace_by_dead(fd: BorrowedFd<'_>) {
    os::replace_by_dead(fd);
}

/// Wakes or starts the thread. The caller waits, and has published its waiter.
pub(crate) fn wake_or_start() {
    let mut poller = POLLER.lock();
    if poller.runs {
        return interrupt();
    }
    let started = thread::Builder::new().name("gort-poll".into()).spawn(run);
    if let Err(e) = started {
        fatal(&format!(
            "cannot start the thread that waits for descriptors ({e}); raise `ulimit -u`"
        ));
    }
    poller.runs = true;
}

/// Makes the thread's current `poll` return, or its next one if there is none.
fn interrupt() {
    if let Ok((_, write)) = interrupt_sockets() {
        // If the socket is full, the thread has been interrupted already.
        let _ = (&mut &*write).write(&[0]);
    }
}

fn run() {
    let Ok((read, _)) = interrupt_sockets() else {
        return;
    };
    loop {
        let mut waited_for = Vec::new();
        let mut fds = vec![os::poll_request(read.as_raw_fd(), true, false)];
        {
            let mut poller = POLLER.lock();
            for &one in &poller.watched {
                let Desc { read, write, .. } = one.place.desc;
                if read.is_waited_for() || write.is_waited_for() {
                    waited_for.push(one);
                    fds.push(os::poll_request(
                        one.fd,
                        read.is_waited_for(),
                        write.is_waited_for(),
                    ));
                }
            }
            if waited_for.is_empty() {
                poller.runs = false;
                return;
            }
            poller.polled.extend(waited_for.iter().map(|one| one.fd));
        }
        os::poll(&mut fds);
        POLLER.lock().polled.clear();
        if fds[0].revents != 0 {
            let mut bytes = [0; 64];
            while matches!((&mut &*read).read(&mut bytes), Ok(64)) {}
        }
        for (one, polled) in waited_for.iter().zip(&fds[1..]) {
            if one.place.desc.generation() != one.generation {
                continue;
            }
            let (readable, writable) = os::poll_answer(polled);
            deliver(one.place.desc, readable, writable);
        }
    }
}

fn deliver(desc: &Desc, readable: bool, writable: bool) {
    let woken = [
        readable.then(|| desc.read.ready()),
        writable.then(|| desc.write.ready()),
    ];
    for word in woken.into_iter().flatten().flatten() {
        // SAFETY: `iowait.rs` put the word there, from `to_word`, as the last step of the waiter's
        // park. Taking it out of the slot is the right to wake it.
        unsafe { Waiter::from_word(word).ready() };
    }
}
