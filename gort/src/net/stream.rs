//! `TcpStream`.

use super::addr::each_addr;
use crate::io::source::{Retry, Source, zero_timeout};
use gort_runtime::{Direction, MayWait, Nanos, deadline_after};
use socket2::{Domain, Protocol, SockRef, Type};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    socket: Arc<Source<net::TcpStream>>,
}

impl TcpStream {
    /// `inner` does not block.
    pub(super) fn new(inner: net::TcpStream) -> io::Result<Self> {
        let socket = Source::made(inner)?;
        Ok(Self { socket })
    }

    /// Connects to the first of the addresses that answers. Go's `net.Dial`.
    ///
    /// # Errors
    /// The system's, for the last address.
    #[track_caller]
    pub fn connect(addr: impl ToSocketAddrs) -> io::Result<Self> {
        each_addr(addr, |addr| Self::connect_until(addr, None))
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
        Self::connect_until(addr, Some(deadline_after(timeout)))
    }

    #[track_caller]
    fn connect_until(addr: &SocketAddr, limit: Option<Nanos>) -> io::Result<Self> {
        let _ = MayWait::check();
        let domain = Domain::for_address(*addr);
        let socket = socket2::Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        let in_progress = match socket.connect(&(*addr).into()) {
            Ok(()) => false,
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => true,
            Err(e) => return Err(e),
        };
        let stream = Self::new(socket.into())?;
        if in_progress {
            stream
                .socket
                .run_until(Direction::Write, limit, Retry::Edges, connected)?;
        }
        Ok(stream)
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

    /// Another handle to the same connection.
    ///
    /// # Errors
    /// `NotConnected` after `close`.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.socket.get()?;
        Ok(Self {
            socket: Arc::clone(&self.socket),
        })
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

    /// How long a `read` may take from now on; `None`: as long as it takes.
    ///
    /// # Errors
    /// `InvalidInput` for a time of nothing; `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::io::{ErrorKind, Read};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// let limit = Some(Duration::from_millis(1));
    /// stream.set_read_timeout(limit)?;
    /// stream.set_write_timeout(limit)?;
    /// assert_eq!((stream.read_timeout()?, stream.write_timeout()?), (limit, limit));
    /// let error = stream.read(&mut [0]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut, "nobody writes");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_timeout(Direction::Read, timeout)
    }

    /// How long a `write` may take from now on; `None`: as long as it takes.
    ///
    /// # Errors
    /// `InvalidInput` for a time of nothing; `NotConnected` after `close`.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_timeout(Direction::Write, timeout)
    }

    /// How long a `read` may take.
    ///
    /// # Errors
    /// `NotConnected` after `close`.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.socket.timeout(Direction::Read)
    }

    /// How long a `write` may take.
    ///
    /// # Errors
    /// `NotConnected` after `close`.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.socket.timeout(Direction::Write)
    }

    /// From this moment on `read` and `peek` fail with `TimedOut`, also if they wait already.
    /// Go's `SetReadDeadline`.
    ///
    /// # Errors
    /// `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::io::{ErrorKind, Read};
    /// use std::time::{Duration, Instant};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// // For the whole answer, however many reads that takes.
    /// stream.set_read_deadline(Some(Instant::now() + Duration::from_millis(1)))?;
    /// let error = stream.read_to_string(&mut String::new()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.socket.set_deadline(Direction::Read, deadline)
    }

    /// From this moment on `write` fails with `TimedOut`, also if it waits already. Go's
    /// `SetWriteDeadline`.
    ///
    /// # Errors
    /// `NotConnected` after `close`.
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.socket.set_deadline(Direction::Write, deadline)
    }

    /// Sets both deadlines. Go's `SetDeadline`.
    ///
    /// # Errors
    /// `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::io::{ErrorKind, Write};
    /// use std::time::Instant;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_deadline(Some(Instant::now()))?;
    /// stream.set_write_deadline(None)?; // Only reading is limited now.
    /// stream.write_all(b"hello")?;
    /// assert_eq!(stream.peek(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.set_read_deadline(deadline)?;
        self.set_write_deadline(deadline)
    }

    /// Ends the connection. Whoever waits, by any handle, is woken; operations fail from now
    /// on. Go's `Close`.
    ///
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use gort::prelude::*;
    /// use std::io::Read;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// let mut reader = stream.try_clone()?;
    /// let waits = go!(move || reader.read(&mut [0]));
    /// stream.close();
    /// assert!(waits.join().unwrap().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn close(&self) {
        self.socket.close();
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
    /// `SO_LINGER`, in whole seconds. Closing may then block the thread for that long.
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

    /// Takes the socket's pending error.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.get()?.take_error()
    }

    /// Whether operations fail with `WouldBlock` instead of waiting.
    ///
    /// # Errors
    /// `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::io::{ErrorKind, Read};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_nonblocking(true)?;
    /// assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// assert!(stream.take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking)
    }
}

/// Whether a connection that was in progress is there. The poller may wake us for nothing, so
/// a socket without an error need not be connected.
fn connected(stream: &net::TcpStream) -> io::Result<()> {
    if let Some(e) = stream.take_error()? {
        return Err(e);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(e) => Err(e),
    }
}

impl Read for &TcpStream {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.socket.read_vectored(bufs)
    }
}

impl Write for &TcpStream {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.socket.write(buf)
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Write for TcpStream {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.inner().fmt(f)
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.inner().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.inner().as_raw_fd()
    }
}

impl From<net::TcpStream> for TcpStream {
    fn from(inner: net::TcpStream) -> Self {
        Self {
            socket: Source::from_std(inner),
        }
    }
}

impl From<TcpStream> for net::TcpStream {
    fn from(stream: TcpStream) -> Self {
        stream.socket.into_std()
    }
}

impl From<OwnedFd> for TcpStream {
    fn from(fd: OwnedFd) -> Self {
        net::TcpStream::from(fd).into()
    }
}

impl From<TcpStream> for OwnedFd {
    fn from(stream: TcpStream) -> Self {
        net::TcpStream::from(stream).into()
    }
}
