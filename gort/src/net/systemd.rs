//! Takes over the listeners that were passed to the process: systemd's socket activation.

use super::listener::TcpListener;
use super::unix::UnixListener;
use crate::system;
use socket2::{Domain, SockRef, Type};
use std::env;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The first descriptor that the protocol passes.
const FIRST: RawFd = 3;

/// The protocol's environment variables.
const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// Whether a caller has already taken the descriptors.
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
    /// A TCP listener.
    Tcp(TcpListener),
    /// A Unix stream listener.
    Unix(UnixListener),
}

/// Returns the listeners that systemd, or another program that speaks its protocol, has passed to
/// this process, in the order in which they were passed. Go has this in packages only.
///
/// Returns an empty list if none were passed, if they are meant for another process (`LISTEN_PID`),
/// or if this function was called before.
///
/// It removes `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` from the environment and sets the
/// descriptors' close-on-exec flags, so children see none of it. Call it at the start of the
/// program: C code that calls `getenv` at the same time may miss a variable.
///
/// # Errors
/// Returns `InvalidInput` if one of the descriptors is not a listening TCP or Unix stream socket.
/// The error says which. That descriptor and the listeners before it are then closed.
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
    // Only one caller gets past this. Relaxed: the flag publishes nothing else.
    if TAKEN.swap(true, Relaxed) {
        return Ok(Vec::new());
    }
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    let (pid, count) = (number("LISTEN_PID"), number("LISTEN_FDS"));
    for name in VARIABLES {
        // SAFETY: std's lock excludes std's own readers. A C `getenv` that runs at the same time
        // sees the old pointer or the next one. Both stay valid: glibc and musl move the pointers
        // down in place, and do not free text that existed when the process began.
        unsafe { env::remove_var(name) };
    }
    if pid != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let count = RawFd::try_from(count.unwrap_or(0)).unwrap_or(RawFd::MAX - FIRST);
    let fds = FIRST..FIRST.saturating_add(count);
    // Set the flag on all of them first, so that no child inherits one even if an error follows.
    for fd in fds.clone() {
        set_cloexec(fd)?;
    }
    fds.map(take).collect()
}

/// Sets the close-on-exec flag of `fd`. Fails if there is no such descriptor.
fn set_cloexec(fd: RawFd) -> io::Result<()> {
    // SAFETY: the call takes no pointers; for a number that is not a descriptor it fails.
    match unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } {
        -1 => Err(bad_descriptor(fd, &io::Error::last_os_error().to_string())),
        _ => Ok(()),
    }
}

/// Takes ownership of an open descriptor that was passed to this process.
fn take(fd: RawFd) -> io::Result<Listener> {
    // SAFETY: `set_cloexec` has found the descriptor open. Nothing else in this process owns
    // it: it was passed to the first caller of `systemd_listeners`, which is the one past `TAKEN`.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    let socket = SockRef::from(&owned);
    let listens = system::is_listener(&socket).unwrap_or(false) && socket.r#type()? == Type::STREAM;
    if !listens {
        return Err(bad_descriptor(fd, "not a socket that listens for streams"));
    }
    match system::family(&socket)? {
        Domain::IPV4 | Domain::IPV6 => Ok(Listener::Tcp(owned.into())),
        Domain::UNIX => Ok(Listener::Unix(owned.into())),
        _ => Err(bad_descriptor(fd, "neither TCP nor Unix")),
    }
}

fn bad_descriptor(fd: RawFd, what: &str) -> io::Error {
    let text = format!("descriptor {fd}, handed over by LISTEN_FDS: {what}");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
