//! [`TcpStream`].

use super::addr::lookup_host;
use super::connect::Connection;
use super::context;
use super::handle::{handle_conversions, handle_methods, stream_io, timeout_methods};
use super::race;
use crate::context::Context;
use crate::io::source::zero_timeout;
use gort_runtime::Direction;
use gort_runtime::real::deadline_after;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::{self, Shutdown, SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// A TCP connection: [`std::net::TcpStream`], with deadlines and `close`; see
/// [the module](super). Go's `net.TCPConn`.
///
/// One goroutine may read while another writes, through any handle or reference. Several goroutines
/// that read take turns, and so do several that write.
///
/// ```
/// use gort::net::{Shutdown, TcpListener, TcpStream};
/// use gort::prelude::*;
/// use std::io::{self, Read, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let echo = go!(move || {
///     let (stream, peer) = listener.accept()?;
///     println!("{peer} has connected to {}", stream.local_addr()?);
///     io::copy(&mut &stream, &mut &stream)
/// });
/// let mut stream = TcpStream::connect(addr)?;
/// assert_eq!(stream.peer_addr()?, addr);
/// let mut answers = stream.try_clone()?;
/// let reader = go!(move || io::read_to_string(&mut answers));
/// stream.write_all(b"is anybody there?")?;
/// stream.shutdown(Shutdown::Write)?;
/// assert_eq!(reader.join().unwrap()?, "is anybody there?");
/// assert_eq!(echo.join().unwrap()?, 17);
/// # Ok::<(), io::Error>(())
/// ```
pub struct TcpStream {
    socket: Connection,
}

impl TcpStream {
    pub(super) fn new(socket: Connection) -> Self {
        Self { socket }
    }

    /// Connects to the first of the addresses that answers. Go's `net.Dial`.
    ///
    /// If there are several addresses, IPv6 and IPv4 addresses take turns. The next address is
    /// tried when the previous one has failed, or has not answered for 250 ms. Attempts that have
    /// not failed continue at the same time (RFC 8305).
    ///
    /// # Errors
    /// Returns the system's error. If several addresses were tried, the error says how many. Its
    /// source is the error of the attempt that failed last, and it has the kind of that error.
    #[track_caller]
    pub fn connect(addr: impl ToSocketAddrs) -> io::Result<Self> {
        race::connect(lookup_host(addr)?, None, None).map(Self::new)
    }

    /// Like [`connect`](Self::connect), but fails once the context is done. (If `addr` is a name,
    /// the context does not interrupt the system's resolver.) Go's `DialContext`.
    ///
    /// # Errors
    /// Returns the errors of [`connect`](Self::connect). Once the context is done, returns an error
    /// whose source is the context's [`ContextError`](crate::context::ContextError). Its kind is
    /// `TimedOut` if the deadline has passed, and `Other` otherwise.
    ///
    /// # Examples
    /// ```
    /// use gort::context::{Context, ContextError};
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::error::Error;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// TcpStream::connect_context(&ctx, listener.local_addr()?)?;
    /// cancel.cancel();
    /// let error = TcpStream::connect_context(&ctx, listener.local_addr()?).unwrap_err();
    /// let why = error.source().and_then(|e| e.downcast_ref());
    /// assert_eq!(why, Some(&ContextError::Canceled));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn connect_context(ctx: &Context, addr: impl ToSocketAddrs) -> io::Result<Self> {
        context::check(ctx)?;
        let addrs = lookup_host(addr)?;
        context::check(ctx)?;
        race::connect(addrs, context::limit(ctx), Some(ctx)).map(Self::new)
    }

    /// Connects to an address, or fails after `timeout`. Go's `net.DialTimeout`.
    ///
    /// # Errors
    /// Returns the system's error, `TimedOut` after `timeout`, or `InvalidInput` if `timeout` is
    /// zero.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let addr = listener.local_addr()?;
    /// let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(10))?;
    /// assert_eq!(stream.peer_addr()?, addr);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        if timeout.is_zero() {
            return Err(zero_timeout());
        }
        let limit = Some(deadline_after(timeout));
        race::connect([*addr].into_iter(), limit, None).map(Self::new)
    }

    /// Returns the other end's address.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.peer_addr()
    }

    /// Returns this end's address.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.local_addr()
    }

    /// Shuts down the read half of the connection, the write half, or both. Wakes the goroutines
    /// that wait for it.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get()?.shutdown(how)
    }

    /// Reads without removing the bytes from the queue.
    ///
    /// # Errors
    /// Returns the system's error, `TimedOut` after the read deadline or the time-out, or
    /// `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::io::{Read, Write};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// TcpStream::connect(listener.local_addr()?)?.write_all(b"GET /")?;
    /// let (mut stream, _) = listener.accept()?;
    /// let mut first = [0];
    /// stream.peek(&mut first)?;
    /// let mut request = String::new();
    /// stream.read_to_string(&mut request)?;
    /// assert_eq!((first, &*request), ([b'G'], "GET /"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return self.socket.get().map(|_| 0);
        }
        self.socket.run(Direction::Read, |s| s.peek(buf))
    }

    /// Sets whether small writes are sent at once (Nagle's algorithm off).
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_nodelay(true)?;
    /// stream.set_linger(Some(Duration::from_secs(1)))?;
    /// stream.set_ttl(64)?;
    /// assert!(stream.nodelay()?);
    /// assert_eq!(stream.linger()?, Some(Duration::from_secs(1)));
    /// assert_eq!(stream.ttl()?, 64);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.get()?.set_nodelay(nodelay)
    }

    /// Returns whether small writes are sent at once.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.get()?.nodelay()
    }

    /// Sets what happens to unsent data when the connection is closed: `SO_LINGER`, in whole
    /// seconds. Go's `SetLinger`.
    ///
    /// Closing, or dropping the last handle, then takes up to that long, inside
    /// [`blocking`](crate::blocking). With a duration of zero the data are discarded, and the other
    /// end gets `ConnectionReset`.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        SockRef::from(self.socket.get()?).set_linger(linger)?;
        self.socket
            .set_lingers(linger.is_some_and(|d| !d.is_zero()));
        Ok(())
    }

    /// Returns the value of `SO_LINGER`.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self.socket.get()?).linger()
    }

    /// Sets after how long without traffic the kernel probes whether the other end is still there.
    /// With `None` it never does. Go's `SetKeepAliveConfig`.
    ///
    /// # Errors
    /// Returns the system's error (for example `InvalidInput` for less than a second), or
    /// `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_keepalive(Some(Duration::from_secs(60)))?;
    /// assert_eq!(stream.keepalive()?, Some(Duration::from_secs(60)));
    /// stream.set_keepalive(None)?;
    /// assert_eq!(stream.keepalive()?, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_keepalive(&self, idle: Option<Duration>) -> io::Result<()> {
        let socket = SockRef::from(self.socket.get()?);
        match idle {
            None => socket.set_keepalive(false),
            Some(idle) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle)),
        }
    }

    /// Returns the value of the option that [`set_keepalive`](Self::set_keepalive) sets.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn keepalive(&self) -> io::Result<Option<Duration>> {
        let socket = SockRef::from(self.socket.get()?);
        match socket.keepalive()? {
            false => Ok(None),
            true => socket.tcp_keepalive_time().map(Some),
        }
    }

    /// Sets the value of the packets' `IP_TTL` field.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get()?.set_ttl(ttl)
    }

    /// Returns the value of the packets' `IP_TTL` field.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.get()?.ttl()
    }
}

handle_methods! {
    TcpStream,
    "let listener = gort::net::TcpListener::bind(\"127.0.0.1:0\")?;
let socket = gort::net::TcpStream::connect(listener.local_addr()?)?;"
}
timeout_methods! {
    TcpStream,
    "let listener = gort::net::TcpListener::bind(\"127.0.0.1:0\")?;
let socket = gort::net::TcpStream::connect(listener.local_addr()?)?;"
}
handle_conversions! { TcpStream, net::TcpStream }
stream_io! { TcpStream }
