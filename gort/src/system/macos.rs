//! The macOS versions.

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{SocketAddr, UnixStream};

pub(crate) const READ_EVENTS: libc::c_short = libc::POLLIN;

pub(crate) fn last_signal() -> libc::c_int {
    libc::SIGUSR2
}

pub(crate) fn stream_socket(domain: Domain, protocol: Option<Protocol>) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, protocol)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// macOS has no abstract addresses.
pub(crate) fn abstract_name(_: &SocketAddr) -> Option<&[u8]> {
    None
}

pub(crate) fn is_listener(socket: &SockRef<'_>) -> io::Result<bool> {
    option(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ACCEPTCONN).map(|listens| listens != 0)
}

pub(crate) fn family(socket: &SockRef<'_>) -> io::Result<Domain> {
    Ok(socket.local_addr()?.domain())
}

pub(crate) fn peer(socket: BorrowedFd<'_>) -> io::Result<(i32, u32, u32)> {
    let fd = socket.as_raw_fd();
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: both pointers are to locals, which are alive during the call.
    if unsafe { libc::getpeereid(fd, &raw mut uid, &raw mut gid) } == -1 {
        return Err(io::Error::last_os_error());
    }
    let pid = option(fd, libc::SOL_LOCAL, libc::LOCAL_PEERPID).unwrap_or(0);
    Ok((pid, uid, gid))
}

fn option(fd: i32, level: libc::c_int, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` has room for `len` bytes; both are alive during the call.
    let result =
        unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut len) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(value)
}

/// macOS has no pidfds: children are waited for by process id.
pub(crate) fn pidfd_open(_: u32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Never called: there are no pidfds.
pub(crate) fn pidfd_id(_: BorrowedFd<'_>) -> (libc::idtype_t, libc::id_t) {
    (libc::P_PID, 0)
}

/// Never called: there are no pidfds.
pub(crate) fn pidfd_kill(_: BorrowedFd<'_>) -> bool {
    false
}

pub(crate) struct Bell {
    read: UnixStream,
    write: UnixStream,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        Ok(Self { read, write })
    }

    pub(crate) fn ring(&self) {
        // Fails only if the buffer is full: then the other end is readable already.
        drop((&self.write).write(&[0]));
    }

    pub(crate) fn clear(&self) {
        while matches!((&self.read).read(&mut [0; 64]), Ok(64)) {}
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}
