//! The `O_NONBLOCK` of a descriptor: set, remembered, and put back.
//!
//! The flag belongs to the open file, not to the descriptor: whoever has a duplicate, another process even, sees it.

use crate::system::READ_EVENTS;
use gort_runtime::Direction;
use socket2::SockRef;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How a descriptor was when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Made here, so nobody else knows it; it does not block.
    Made,
    /// It blocked, and does not now.
    Blocked,
    /// It did not block.
    Nonblocking,
    /// It blocks still: one of the three that a process shares with those who started it.
    Left,
}

impl Mode {
    /// Has `fd` not block from now on.
    pub(super) fn set(fd: BorrowedFd<'_>) -> io::Result<Self> {
        // Only `fcntl` is called, which is not particular about sockets.
        let flags = SockRef::from(&fd);
        if flags.nonblocking()? {
            return Ok(Self::Nonblocking);
        }
        flags.set_nonblocking(true)?;
        Ok(Self::Blocked)
    }

    /// The same, except for the descriptors 0 to 2.
    pub(super) fn set_unless_standard(fd: BorrowedFd<'_>) -> io::Result<Self> {
        match fd.as_raw_fd() {
            0..=2 => Ok(Self::Left),
            _ => Self::set(fd),
        }
    }

    /// The owner keeps the descriptor no longer: it is again as others know it.
    pub(super) fn undo(self, fd: BorrowedFd<'_>) {
        if self == Self::Blocked {
            block(fd);
        }
    }

    /// The descriptor goes to somebody who knows only descriptors that block.
    pub(super) fn hand_over(self, fd: BorrowedFd<'_>) {
        if matches!(self, Self::Made | Self::Blocked) {
            block(fd);
        }
    }
}

fn block(fd: BorrowedFd<'_>) {
    // It succeeded the other way round.
    drop(SockRef::from(&fd).set_nonblocking(false));
}

/// Succeeds if a call in this direction would not block now: there is something, an end, or an error. Else
/// `WouldBlock`.
pub(super) fn ready(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<()> {
    let mut asked = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: match direction {
            Direction::Read => READ_EVENTS,
            Direction::Write => libc::POLLOUT,
        },
        revents: 0,
    };
    // SAFETY: one `pollfd`, which is alive during the call; with a time of 0 it does not wait.
    match unsafe { libc::poll(&raw mut asked, 1, 0) } {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
