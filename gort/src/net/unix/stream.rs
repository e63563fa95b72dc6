//! [`UnixStream`].

use super::addr::sock_addr;
use super::cred::UCred;
use crate::context::Context;
use crate::io::source::{Retry, Source, zero_timeout};
use crate::net::context;
use crate::net::handle::{handle_conversions, handle_methods, stream_io, timeout_methods};
use crate::system::stream_socket;
use gort_runtime::real::deadline_after;
use gort_runtime::{Direction, MayWait, Nanos, WaitReason};
use socket2::{Domain, SockAddr, SockRef};
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A connection between processes on one machine: [`std::os::unix::net::UnixStream`], with
/// deadlines and `close`; see [the module](crate::net). Go's `net.UnixConn`.
///
/// ```
/// use gort::net::{Shutdown, UnixStream};
/// use gort::prelude::*;
/// use std::io::{self, Read, Write};
///
/// let (mut near, far) = UnixStream::pair()?;
/// let echo = go!(move || io::copy(&mut &far, &mut &far));
/// near.write_all(b"is anybody there?")?;
/// near.shutdown(Shutdown::Write)?;
/// assert_eq!(io::read_to_string(&mut near)?, "is anybody there?");
/// assert_eq!(echo.join().unwrap()?, 17);
/// assert!(near.local_addr()?.is_unnamed() && near.peer_addr()?.is_unnamed());
/// # Ok::<(), io::Error>(())
/// ```
pub struct UnixStream {
    socket: Arc<Source<net::UnixStream>>,
}

impl UnixStream {
    /// Wraps a new std connection.
    pub(super) fn new(inner: net::UnixStream) -> io::Result<Self> {
        inner.set_nonblocking(true)?;
        let socket = Source::new_socket(inner)?;
        Ok(Self { socket })
    }

    /// Connects to the listener at `path`. Waits while the listener's queue is full. Go's
    /// `net.Dial("unix", path)`.
    ///
    /// # Errors
    /// Returns `ConnectionRefused` if no socket listens there, `NotFound` if the file does not
    /// exist, `InvalidInput` if the path is longer than 107 bytes or contains a 0 byte, or the
    /// system's error.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{UnixListener, UnixStream};
    ///
    /// let path = std::env::temp_dir().join(format!("gort-connect-{}.sock", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let near = UnixStream::connect(&path)?;
    /// assert_eq!(near.peer_addr()?.as_pathname(), Some(&*path));
    /// # drop(listener);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Connects to an address, which may be an abstract name.
    ///
    /// # Errors
    /// Returns the errors of [`connect`](Self::connect). Returns `ConnectionRefused` for an
    /// abstract name that no socket has.
    ///
    /// # Examples
    /// ```
    /// use gort::net::UnixStream;
    /// use std::io::ErrorKind;
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    ///
    /// let nobody = SocketAddr::from_abstract_name("nobody's")?;
    /// let error = UnixStream::connect_addr(&nobody).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn connect_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::start(addr, |stream, to| stream.connect_until(to, None))
    }

    /// Connects to an address, or fails after `timeout`. Go's `net.DialTimeout`.
    ///
    /// # Errors
    /// Returns the errors of [`connect_addr`](Self::connect_addr). Also returns `TimedOut` after
    /// `timeout`, and `InvalidInput` if `timeout` is zero.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{UnixListener, UnixStream};
    /// use std::time::Duration;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-timeout-{}.sock", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// UnixStream::connect_timeout(&listener.local_addr()?, Duration::from_secs(10))?;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        if timeout.is_zero() {
            return Err(zero_timeout());
        }
        let limit = Some(deadline_after(timeout));
        Self::start(addr, |stream, to| stream.connect_until(to, limit))
    }

    /// Connects to an address, or fails once the context is done. Go's `DialContext`.
    ///
    /// # Errors
    /// Returns the errors of [`connect_addr`](Self::connect_addr). Once the context is done,
    /// returns an error whose source is the context's
    /// [`ContextError`](crate::context::ContextError). Its kind is `TimedOut` if the deadline has
    /// passed, and `Other` otherwise.
    ///
    /// # Examples
    /// ```
    /// use gort::context::Context;
    /// use gort::net::{UnixListener, UnixStream};
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-context-{}.sock", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// UnixStream::connect_context(&ctx, &listener.local_addr()?)?;
    /// cancel.cancel();
    /// assert!(UnixStream::connect_context(&ctx, &listener.local_addr()?).is_err());
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn connect_context(ctx: &Context, addr: &SocketAddr) -> io::Result<Self> {
        context::check(ctx)?;
        let limit = context::limit(ctx);
        Self::start(addr, |stream, to| {
            context::closing(ctx, &stream.socket, || stream.connect_until(to, limit))
        })
    }

    /// Connects to `addr`. Calls `wait` if the listener's queue is full.
    #[track_caller]
    fn start(
        addr: &SocketAddr,
        wait: impl FnOnce(&Self, &SockAddr) -> io::Result<()>,
    ) -> io::Result<Self> {
        let _ = MayWait::check(WaitReason::IoWait);
        let to = sock_addr(addr)?;
        let socket = stream_socket(Domain::UNIX, None)?;
        let connected = socket.connect(&to);
        if let Err(e) = connected {
            if e.kind() != io::ErrorKind::WouldBlock {
                return Err(e);
            }
            let stream = Self::new(socket.into())?;
            wait(&stream, &to)?;
            return Ok(stream);
        }
        Self::new(socket.into())
    }

    /// Tries to connect again and again until the limit, with pauses in between: the kernel does
    /// not announce room in a listener's queue.
    #[track_caller]
    fn connect_until(&self, to: &SockAddr, limit: Option<Nanos>) -> io::Result<()> {
        self.socket
            .run_until(Direction::Write, limit, Retry::Pauses, |s| {
                SockRef::from(s).connect(to)
            })
    }

    /// Creates a connection without an address, and returns its two ends.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (near, far) = net::UnixStream::pair()?;
        Ok((Self::new(near)?, Self::new(far)?))
    }

    /// Returns this end's address.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.local_addr()
    }

    /// Returns the other end's address, which is unnamed unless that end was bound.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.peer_addr()
    }

    /// Returns the credentials of the process at the other end: the one that connected, called
    /// `listen`, or created the pair.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// let (near, _far) = gort::net::UnixStream::pair()?;
    /// assert_eq!(near.peer_cred()?.pid(), Some(std::process::id() as i32));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peer_cred(&self) -> io::Result<UCred> {
        UCred::of(self.socket.get()?)
    }

    /// Shuts down the read half of the connection, the write half, or both. Wakes the goroutines
    /// that wait for it.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get()?.shutdown(how)
    }
}

handle_methods! { UnixStream, "let (socket, _far) = gort::net::UnixStream::pair()?;" }
timeout_methods! { UnixStream, "let (socket, _far) = gort::net::UnixStream::pair()?;" }
handle_conversions! { UnixStream, net::UnixStream }
stream_io! { UnixStream }
