//! `TcpListener`.

use super::socket::Socket;
use super::stream::TcpStream;
use gort_runtime::{Direction, blocking};
use socket2::SockRef;
use std::fmt;
use std::io;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

/// A TCP socket that listens for connections: [`std::net::TcpListener`], with deadlines and
/// `close`; see [the module](super). Go's `net.TCPListener`.
pub struct TcpListener {
    socket: Arc<Socket<net::TcpListener>>,
}

impl TcpListener {
    /// Listens on the first of the addresses that can be had.
    ///
    /// # Errors
    /// The system's, for the last address.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        // The system's resolver blocks.
        let inner = blocking(|| net::TcpListener::bind(addr))?;
        inner.set_nonblocking(true)?;
        // std asks for a queue of 128 connections, the length of a short burst: behind it
        // clients try again after a second. As in Go, as many as the system allows.
        SockRef::from(&inner).listen(i32::MAX)?;
        let socket = Socket::new(inner)?;
        Ok(Self { socket })
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// The system's; `TimedOut` from the read deadline on; `NotConnected` after `close`.
    #[track_caller]
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, addr) = self.socket.run(Direction::Read, net::TcpListener::accept)?;
        stream.set_nonblocking(true)?;
        Ok((TcpStream::new(stream)?, addr))
    }

    /// Connections, one after the other, for ever.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.local_addr()
    }

    /// Another handle to the same listener.
    ///
    /// # Errors
    /// After `close`.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.socket.get()?;
        Ok(Self {
            socket: Arc::clone(&self.socket),
        })
    }

    /// Sets the value of the packets' `IP_TTL` field.
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get()?.set_ttl(ttl)
    }

    /// The value of the packets' `IP_TTL` field.
    ///
    /// # Errors
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.get()?.ttl()
    }

    /// Takes the socket's pending error.
    ///
    /// # Errors
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.get()?.take_error()
    }

    /// Whether `accept` fails with `WouldBlock` instead of waiting.
    ///
    /// # Errors
    /// After `close`.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking)
    }

    /// From this moment on `accept` fails with `TimedOut`, also if it waits already. Go's
    /// `SetDeadline`.
    ///
    /// # Errors
    /// After `close`.
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.socket.set_deadline(Direction::Read, deadline)
    }

    /// A listener does not write: without effect.
    ///
    /// # Errors
    /// After `close`.
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.socket.set_deadline(Direction::Write, deadline)
    }

    /// Both deadlines.
    ///
    /// # Errors
    /// After `close`.
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.set_read_deadline(deadline)?;
        self.set_write_deadline(deadline)
    }

    /// Stops listening. Whoever waits in `accept`, by any handle, is woken; operations fail from
    /// now on.
    pub fn close(&self) {
        self.socket.close();
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.inner().fmt(f)
    }
}

/// Yields what [`TcpListener::accept`] does, without the address.
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl std::iter::FusedIterator for Incoming<'_> {}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.inner().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.inner().as_raw_fd()
    }
}

impl From<net::TcpListener> for TcpListener {
    fn from(inner: net::TcpListener) -> Self {
        Self {
            socket: Socket::from_std(inner),
        }
    }
}

impl From<TcpListener> for net::TcpListener {
    fn from(listener: TcpListener) -> Self {
        listener.socket.into_std()
    }
}

impl From<OwnedFd> for TcpListener {
    fn from(fd: OwnedFd) -> Self {
        net::TcpListener::from(fd).into()
    }
}

impl From<TcpListener> for OwnedFd {
    fn from(listener: TcpListener) -> Self {
        net::TcpListener::from(listener).into()
    }
}
