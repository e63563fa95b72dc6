//! Listeners that whoever started the process has made: systemd's socket activation.

use super::listener::TcpListener;
use super::unix::UnixListener;
use crate::system;
use socket2::{Domain, SockRef, Type};
use std::env;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The first descriptor that is handed over.
const FIRST: RawFd = 3;

/// What the protocol says by the environment.
const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// Somebody has been given the descriptors.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A listener of either kind.
///
/// ```
/// use gort::net::{Listener, systemd_listeners};
///
/// for listener in systemd_listeners()? {
///     match listener {
///         Listener::Tcp(listener) => println!("TCP at {}", listener.local_addr()?),
///         Listener::Unix(listener) => println!("Unix at {:?}", listener.local_addr()?),
///         _ => println!("of a kind that this program does not know"),
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Listener {
    /// For TCP.
    Tcp(TcpListener),
    /// For streams between processes of one machine.
    Unix(UnixListener),
}

/// The listeners that systemd, or whoever speaks its protocol, has handed to this process, in its order; none if there are
/// none, if they are for another process (`LISTEN_PID`), or if this was called before. Go has it in packages only.
///
/// `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` leave the environment, and the descriptors are closed when another
/// program is executed: children see nothing of it. Call it when the program begins: who reads the
/// environment at the same time, by C's `getenv`, may miss a variable.
///
/// # Errors
/// `InvalidInput` if one of the descriptors does not listen for streams of TCP or of Unix: it says which. That one and the
/// listeners before it are closed then.
///
/// # Examples
/// A server that systemd may have started on the first connection:
///
/// ```
/// use gort::net::{Listener, TcpListener, systemd_listeners};
///
/// let listener = match systemd_listeners()?.into_iter().next() {
///     Some(Listener::Tcp(listener)) => listener,
///     Some(other) => panic!("expected a TCP socket, found {other:?}"),
///     None => TcpListener::bind("127.0.0.1:0")?,
/// };
/// # drop(listener);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn systemd_listeners() -> io::Result<Vec<Listener>> {
    // One caller gets past this; nothing else is published by it.
    if TAKEN.swap(true, Relaxed) {
        return Ok(Vec::new());
    }
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    let (pid, count) = (number("LISTEN_PID"), number("LISTEN_FDS"));
    for name in VARIABLES {
        // SAFETY: std's own readers are shut out by its lock. A `getenv` of C's that runs meanwhile sees the old pointer or
        // the next one, both of which stay valid: glibc and musl move the pointers down in place, and free no text
        // that was there when the process began.
        unsafe { env::remove_var(name) };
    }
    if pid != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let count = RawFd::try_from(count.unwrap_or(0)).unwrap_or(RawFd::MAX - FIRST);
    let fds = FIRST..FIRST.saturating_add(count);
    // All of them first, so that none is inherited whatever comes then.
    for fd in fds.clone() {
        keep_from_children(fd)?;
    }
    fds.map(take).collect()
}

/// Has `fd` closed when another program is executed; an error if there is no such descriptor.
fn keep_from_children(fd: RawFd) -> io::Result<()> {
    // SAFETY: no pointers; a number that is no descriptor is an error.
    match unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } {
        -1 => Err(wrong(fd, &io::Error::last_os_error().to_string())),
        _ => Ok(()),
    }
}

/// Takes over a descriptor that is there, and is handed to this process.
fn take(fd: RawFd) -> io::Result<Listener> {
    // SAFETY: `keep_from_children` has found it open, and nobody but us knows of it: those who started the process gave it to
    // whoever asks for it, and the first to ask is past `TAKEN`.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    let socket = SockRef::from(&owned);
    let listens = system::is_listener(&socket).unwrap_or(false) && socket.r#type()? == Type::STREAM;
    if !listens {
        return Err(wrong(fd, "not a socket that listens for streams"));
    }
    match system::family(&socket)? {
        Domain::IPV4 | Domain::IPV6 => Ok(Listener::Tcp(owned.into())),
        Domain::UNIX => Ok(Listener::Unix(owned.into())),
        _ => Err(wrong(fd, "neither TCP nor Unix")),
    }
}

fn wrong(fd: RawFd, what: &str) -> io::Error {
    let text = format!("descriptor {fd}, handed over by LISTEN_FDS: {what}");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
