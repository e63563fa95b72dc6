//! The thread that is in `poll(2)` while somebody waits for a descriptor.
//!
//! It looks at the descriptors and directions that somebody waits for now, and at a socket by which it is called back to
//! look again. So it finds what is ready, not edges: whoever it wakes tries, and waits again if that was not enough.
//!
//! # Why nobody is forgotten
//! Who waits has shown its waiter in the slot's word (`commit`), and then takes the lock: it finds the thread running, and
//! calls it back, or starts it. The thread reads the words under the lock, and ends under it if there is nobody.
//! The call back is a byte in a socket, which stays there until the thread has read it.
//!
//! # Closing
//! `poll` keeps the files open that it looks at: a socket that is closed meanwhile would tell its peer later, and whoever closes
//! it would not linger. So who takes a descriptor off the list calls the thread back, and waits until that has let go of it.

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

/// A descriptor's place in the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    index: u32,
    pub(crate) desc: &'static Desc,
}

/// A descriptor that is watched, for this owner of its place.
#[derive(Clone, Copy)]
struct Seen {
    fd: RawFd,
    place: Place,
    generation: u32,
}

struct Poller {
    runs: bool,
    seen: Vec<Seen>,
    /// What the thread is looking at in `poll`.
    polled: Vec<RawFd>,
}

static POLLER: Lock<Poller> = Lock::ranked(
    Rank::Sched,
    Poller {
        runs: false,
        seen: Vec::new(),
        polled: Vec::new(),
    },
);

/// The two ends by which the thread is called back.
fn calls() -> io::Result<&'static (UnixStream, UnixStream)> {
    static CALLS: OnceLock<(UnixStream, UnixStream)> = OnceLock::new();
    if let Some(calls) = CALLS.get() {
        return Ok(calls);
    }
    os::make_dead_socket()?;
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    write.set_nonblocking(true)?;
    Ok(CALLS.get_or_init(|| (read, write)))
}

/// A free place in the table, for one owner, who gives it to [`retire`].
pub(crate) fn open() -> io::Result<Place> {
    let Some((index, desc)) = table::take() else {
        return Err(io::ErrorKind::OutOfMemory.into());
    };
    desc.open();
    Ok(Place { index, desc })
}

/// From now on `entry` becomes ready when `fd` is and somebody waits.
pub(crate) fn watch(fd: BorrowedFd<'_>, entry: Place) -> io::Result<()> {
    refuse_in_child();
    calls()?;
    if !os::can_be_polled(fd) {
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    let fd = fd.as_raw_fd();
    let mut poller = POLLER.lock();
    if poller.seen.iter().any(|seen| seen.fd == fd) {
        return Err(io::Error::from_raw_os_error(libc::EEXIST));
    }
    poller.seen.push(Seen {
        fd,
        place: entry,
        generation: entry.desc.generation(),
    });
    Ok(())
}

/// Nobody looks at `fd` any more.
pub(crate) fn unwatch(fd: BorrowedFd<'_>) {
    if forked() {
        return;
    }
    let fd = fd.as_raw_fd();
    POLLER.lock().seen.retain(|seen| seen.fd != fd);
    while POLLER.lock().polled.contains(&fd) {
        call_back();
        thread::yield_now();
    }
}

/// The entry's descriptor is not watched any more.
pub(crate) fn retire(entry: Place) {
    entry.desc.retire();
    table::put(entry.index);
}

/// Puts a dead socket in the place of what `fd` names.
pub(crate) fn replace_by_dead(fd: BorrowedFd<'_>) {
    os::replace_by_dead(fd);
}

/// Somebody waits, and has shown its waiter.
pub(crate) fn somebody_waits() {
    let mut poller = POLLER.lock();
    if poller.runs {
        return call_back();
    }
    let started = thread::Builder::new().name("gort-poll".into()).spawn(run);
    if let Err(e) = started {
        fatal(&format!(
            "no thread to wait for descriptors can be started: {e}"
        ));
    }
    poller.runs = true;
}

fn call_back() {
    if let Ok((_, write)) = calls() {
        // If it is full the thread has been called.
        let _ = (&mut &*write).write(&[0]);
    }
}

fn run() {
    let Ok((read, _)) = calls() else { return };
    loop {
        let mut seen = Vec::new();
        let mut fds = vec![os::poll_request(read.as_raw_fd(), true, false)];
        {
            let mut poller = POLLER.lock();
            for &one in &poller.seen {
                let Desc { read, write, .. } = one.place.desc;
                if read.is_waited_for() || write.is_waited_for() {
                    seen.push(one);
                    fds.push(os::poll_request(
                        one.fd,
                        read.is_waited_for(),
                        write.is_waited_for(),
                    ));
                }
            }
            if seen.is_empty() {
                poller.runs = false;
                return;
            }
            poller.polled.extend(seen.iter().map(|one| one.fd));
        }
        os::poll(&mut fds);
        POLLER.lock().polled.clear();
        if fds[0].revents != 0 {
            let mut bytes = [0; 64];
            while matches!((&mut &*read).read(&mut bytes), Ok(64)) {}
        }
        for (one, polled) in seen.iter().zip(&fds[1..]) {
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
        // SAFETY: `iowait.rs` put the word there, from `to_word`, as the last step of the waiter's park; taking it out
        // of the slot is the right to wake it.
        unsafe { Waiter::from_word(word).ready() };
    }
}
