//! Linux.

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::ptr;

/// What `poll` is asked for by who wants to read: something, or the end.
pub(crate) const READ_EVENTS: libc::c_short = libc::POLLIN | libc::POLLRDHUP;

/// The last signal that programs use.
pub(crate) fn last_signal() -> libc::c_int {
    libc::SIGRTMAX()
}

/// A stream socket that does not block, and that children do not inherit.
pub(crate) fn stream_socket(domain: Domain, protocol: Option<Protocol>) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM.nonblocking(), protocol)
}

/// The name of an abstract address.
pub(crate) fn abstract_name(addr: &SocketAddr) -> Option<&[u8]> {
    addr.as_abstract_name()
}

/// Whether a socket listens.
pub(crate) fn is_listener(socket: &SockRef<'_>) -> io::Result<bool> {
    socket.is_listener()
}

/// What family a socket is of.
pub(crate) fn family(socket: &SockRef<'_>) -> io::Result<Domain> {
    socket.domain()
}

/// Process (0: out of sight), user and group at the other end of a Unix socket.
pub(crate) fn peer(socket: BorrowedFd<'_>) -> io::Result<(i32, u32, u32)> {
    let mut cred = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `cred` has room for `len` bytes, any of which are a `ucred`; both are alive during the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut cred).cast(),
            &raw mut len,
        )
    };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok((cred.pid, cred.uid, cred.gid))
}

/// A descriptor of a child, which is readable once it has ended.
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, and nobody else's. (It is one that programs do not inherit.)
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Which child `waitid` is to look at, for a descriptor of one.
pub(crate) fn pidfd_id(fd: BorrowedFd<'_>) -> (libc::idtype_t, libc::id_t) {
    (libc::P_PIDFD, fd.as_raw_fd() as libc::id_t)
}

/// Sends SIGKILL; false, and `errno` says why: it could not be sent.
pub(crate) fn pidfd_kill(fd: BorrowedFd<'_>) -> bool {
    let no_info = ptr::null::<libc::siginfo_t>();
    // SAFETY: null is allowed.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            fd.as_raw_fd(),
            libc::SIGKILL,
            no_info,
            0,
        )
    };
    sent == 0
}

/// What wakes a thread that polls it: it is readable from `ring` until `clear`.
pub(crate) struct Bell(File);

impl Bell {
    /// One that is not readable, and that children do not inherit.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor, and nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }.into()))
    }

    pub(crate) fn ring(&self) {
        // Fails only if it is at its end, after 2^64 times: then it is readable.
        drop((&self.0).write(&1u64.to_ne_bytes()));
    }

    pub(crate) fn clear(&self) {
        drop((&self.0).read(&mut [0; 8]));
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
