//! System calls of goroutines that are threads, on Linux and macOS.

use super::errno;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

/// Writes a byte to a non-blocking pipe or socket. May be called in a signal handler.
pub(crate) fn write_byte(fd: RawFd) {
    // SAFETY: the pointer is to one readable byte. An error means that the pipe is full, so the
    // reader finds a byte in any case.
    unsafe { libc::write(fd, [0_u8].as_ptr().cast(), 1) };
}

/// Returns whether `fd` can be waited for. Files and directories cannot: they are always ready.
pub(crate) fn can_be_polled(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: the structure is ours, and all zeros are a valid value.
    let mode = unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        if libc::fstat(fd.as_raw_fd(), &raw mut stat) != 0 {
            return false;
        }
        stat.st_mode
    };
    !matches!(mode & libc::S_IFMT, libc::S_IFREG | libc::S_IFDIR)
}

/// Creates a request for [`poll`].
pub(crate) fn poll_request(fd: RawFd, readable: bool, writable: bool) -> libc::pollfd {
    let events = if readable { libc::POLLIN } else { 0 } | if writable { libc::POLLOUT } else { 0 };
    libc::pollfd {
        fd,
        events,
        revents: 0,
    }
}

/// Returns whether the descriptor of a request is readable, and whether it is writable. After an
/// error, both are `true`.
pub(crate) fn poll_answer(polled: &libc::pollfd) -> (bool, bool) {
    let end = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL;
    (
        polled.revents & (libc::POLLIN | end) != 0,
        polled.revents & (libc::POLLOUT | end) != 0,
    )
}

/// Waits until one of the descriptors is ready. May return early.
pub(crate) fn poll(fds: &mut [libc::pollfd]) {
    // SAFETY: the pointer and the length are the slice's.
    let n = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, -1) };
    if n < 0 {
        for polled in fds {
            polled.revents = 0;
        }
    }
}

/// A socket on which every operation fails.
static DEAD: OnceLock<OwnedFd> = OnceLock::new();

/// Creates the dead socket. Must be called before [`replace_by_dead`].
pub(crate) fn make_dead_socket() -> io::Result<()> {
    // SAFETY: no pointers are passed. The result is -1 or a new descriptor, which nothing else
    // owns.
    let dead = unsafe {
        let dead = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
        if dead == -1 {
            return Err(io::Error::last_os_error());
        }
        libc::fcntl(dead, libc::F_SETFD, libc::FD_CLOEXEC);
        OwnedFd::from_raw_fd(dead)
    };
    DEAD.get_or_init(|| dead);
    Ok(())
}

/// Replaces the file that `fd` names by the dead socket.
pub(crate) fn replace_by_dead(fd: BorrowedFd<'_>) {
    let (Some(dead), fd) = (DEAD.get(), fd.as_raw_fd()) else {
        return;
    };
    // SAFETY: no pointers are passed. `fd` stays a valid descriptor, so borrows of it stay valid.
    unsafe {
        while libc::dup2(dead.as_raw_fd(), fd) == -1
            && matches!(*errno(), libc::EINTR | libc::EBUSY)
        {}
        libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        let flags = libc::fcntl(fd, libc::F_GETFL);
        libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK);
    }
}
