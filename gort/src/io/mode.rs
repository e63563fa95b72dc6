//! Sets `O_NONBLOCK` on a descriptor, remembers its old value, and restores it.
//!
//! The flag belongs to the open file, not to the descriptor: every owner of a duplicate sees it,
//! even in another process.

use crate::system::READ_EVENTS;
use gort_runtime::Direction;
use socket2::SockRef;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The state of a descriptor when gort took it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// gort created it, non-blocking, so no other code knows it.
    Created,
    /// It blocked; gort has made it non-blocking.
    Blocked,
    /// It was non-blocking.
    Nonblocking,
    /// It may block: gort does not change the descriptors 0 to 2, which a process shares with its
    /// parent.
    Unchanged,
}

impl Mode {
    /// Makes `fd` non-blocking.
    pub(super) fn set(fd: BorrowedFd<'_>) -> io::Result<Self> {
        // `SockRef` only calls `fcntl` here, which works for any descriptor.
        let flags = SockRef::from(&fd);
        if flags.nonblocking()? {
            return Ok(Self::Nonblocking);
        }
        flags.set_nonblocking(true)?;
        Ok(Self::Blocked)
    }

    /// Like [`set`](Self::set), but leaves the descriptors 0 to 2 alone.
    pub(super) fn set_unless_standard(fd: BorrowedFd<'_>) -> io::Result<Self> {
        match fd.as_raw_fd() {
            0..=2 => Ok(Self::Unchanged),
            _ => Self::set(fd),
        }
    }

    /// Restores the flag, when gort gives the descriptor up.
    pub(super) fn undo(self, fd: BorrowedFd<'_>) {
        if self == Self::Blocked {
            block(fd);
        }
    }

    /// Makes the descriptor block, when it goes to code that expects a blocking one. A descriptor
    /// that was non-blocking at first stays so.
    pub(super) fn hand_over(self, fd: BorrowedFd<'_>) {
        if matches!(self, Self::Created | Self::Blocked) {
            block(fd);
        }
    }
}

fn block(fd: BorrowedFd<'_>) {
    // Cannot fail: setting the flag has succeeded.
    drop(SockRef::from(&fd).set_nonblocking(false));
}

/// Succeeds if a call in this direction would not block now: there are data or room, an end, or an
/// error. Otherwise returns `WouldBlock`.
pub(super) fn ready(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<()> {
    let mut asked = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: match direction {
            Direction::Read => READ_EVENTS,
            Direction::Write => libc::POLLOUT,
        },
        revents: 0,
    };
    // SAFETY: the pointer is to one `pollfd`, which is alive during the call. With a time-out of 0
    // the call does not wait.
    match unsafe { libc::poll(&raw mut asked, 1, 0) } {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
