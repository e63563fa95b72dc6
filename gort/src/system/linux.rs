//! The functions of this folder for Linux.

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::ptr;

/// The `poll` events that mean "a read would not block": data, or the end.
pub(crate) const READ_EVENTS: libc::c_short = libc::POLLIN | libc::POLLRDHUP;

/// The last signal that programs use.
pub(crate) fn last_signal() -> libc::c_int {
    libc::SIGRTMAX()
}

/// Creates a non-blocking stream socket that children do not inherit.
pub(crate) fn stream_socket(domain: Domain, protocol: Option<Protocol>) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM.nonblocking(), protocol)
}

/// Returns the name of an abstract address.
pub(crate) fn abstract_name(addr: &SocketAddr) -> Option<&[u8]> {
    addr.as_abstract_name()
}

/// Returns whether a socket listens.
pub(crate) fn is_listener(socket: &SockRef<'_>) -> io::Result<bool> {
    socket.is_listener()
}

/// Returns a socket's address family.
pub(crate) fn family(socket: &SockRef<'_>) -> io::Result<Domain> {
    socket.domain()
}

/// Returns the process, user and group at the other end of a Unix socket. The process is 0 if it is
/// not visible from here.
pub(crate) fn peer(socket: BorrowedFd<'_>) -> io::Result<(i32, u32, u32)> {
    let mut cred = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `cred` has room for `len` bytes, and any bytes make a valid `ucred`. Both are alive
    // during the call.
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

/// Opens a descriptor for a child; it becomes readable when the child has ended.
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nothing else owns it. (The kernel sets its close-on-exec
    // flag.)
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Returns the arguments that make `waitid` look at the child of a pidfd.
pub(crate) fn pidfd_id(fd: BorrowedFd<'_>) -> (libc::idtype_t, libc::id_t) {
    (libc::P_PIDFD, fd.as_raw_fd() as libc::id_t)
}

/// Sends SIGKILL. Returns `false` if that fails; `errno` says why.
pub(crate) fn pidfd_kill(fd: BorrowedFd<'_>) -> bool {
    let no_info = ptr::null::<libc::siginfo_t>();
    // SAFETY: the kernel allows a null `siginfo_t`; the call takes no other pointer.
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

/// A descriptor that wakes a thread that polls it. It is readable from `ring` until `clear`.
pub(crate) struct Bell(File);

impl Bell {
    /// Creates a bell that is not readable, and that children do not inherit.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and nothing else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }.into()))
    }

    pub(crate) fn ring(&self) {
        // Fails only if the counter is full, after nearly 2^64 rings: then it is readable already.
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
