//! `TcpStream`.

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
/// Reading and writing go on at the same time, by any handle or reference; of several that
/// read, or write, each waits for the one before.
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
///     println!("{peer} has come, to {}", stream.local_addr()?);
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
    /// If there are several, IPv6 and IPv4 take turns; the next one is tried when the one before has failed, or has been
    /// silent for 250 ms, and goes on beside it (RFC 8305).
    ///
    /// # Errors
    /// The system's; of several addresses that of the last attempt to fail, as the source of one of the same kind
    /// that says how many were tried.
    #[track_caller]
    pub fn connect(addr: impl ToSocketAddrs) -> io::Result<Self> {
        race::connect(lookup_host(addr)?, None, None).map(Self::new)
    }

    /// The same, but fails once the context is done. (The system's resolver, if `addr` is a name, does not look at it.)
    /// Go's `DialContext`.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect). Once the context is done, an error whose source is its
    /// [`ContextError`](crate::context::ContextError): of the kind `TimedOut` past its deadline, else `Other`.
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

    /// Connects to an address, or fails after this time. Go's `net.DialTimeout`.
    ///
    /// # Errors
    /// The system's; `TimedOut`; `InvalidInput` for a time of nothing.
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

    /// The other end's address.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.peer_addr()
    }

    /// This end's address.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.local_addr()
    }

    /// Ends reading, writing, or both, for both ends; whoever waits is woken.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get()?.shutdown(how)
    }

    /// Reads without taking what it reads.
    ///
    /// # Errors
    /// As for `read`: the system's; `TimedOut` from the read deadline on, or after the time-out;
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

    /// Whether small writes are sent at once (no Nagle algorithm).
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
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

    /// Whether small writes are sent at once.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.get()?.nodelay()
    }

    /// What happens to data that have not been sent when the connection is closed:
    /// `SO_LINGER`, in whole seconds. Closing, or dropping the last handle, may then take that long, inside
    /// [`blocking`](crate::blocking). With a time of nothing they are thrown away, and the other end gets
    /// `ConnectionReset`. Go's `SetLinger`.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        SockRef::from(self.socket.get()?).set_linger(linger)?;
        self.socket
            .set_lingers(linger.is_some_and(|d| !d.is_zero()));
        Ok(())
    }

    /// The value of `SO_LINGER`.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self.socket.get()?).linger()
    }

    /// Whether, and after how long without traffic, the kernel asks the other end if it is still there; `None`: never.
    /// Go's `SetKeepAliveConfig`.
    ///
    /// # Errors
    /// The system's: `InvalidInput` for less than a second, say; `NotConnected` after `close`.
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

    /// What [`set_keepalive`](Self::set_keepalive) sets.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
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
    /// The system's; `NotConnected` after `close`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get()?.set_ttl(ttl)
    }

    /// The value of the packets' `IP_TTL` field.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
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
