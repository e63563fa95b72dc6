//! [`UnixDatagram`].

use crate::io::source::{Retry, Source};
use crate::net::handle::{handle_conversions, handle_methods, timeout_methods};
use gort_runtime::Direction;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// A Unix datagram socket: [`std::os::unix::net::UnixDatagram`], with deadlines and `close`; see
/// [the module](crate::net). Go's `net.UnixConn` of `unixgram`.
///
/// No datagram is lost: the sender waits while the receiver's queue is full. Each datagram goes to
/// one receiver, even if several wait. If a buffer is too short it gets the datagram's first bytes,
/// and the rest is lost.
///
/// ```
/// use gort::net::UnixDatagram;
/// use gort::prelude::*;
///
/// let (near, far) = UnixDatagram::pair()?;
/// let receiver = go!(move || {
///     let mut buf = [0; 16];
///     far.recv(&mut buf).map(|n| buf[..n].to_vec())
/// });
/// near.send(b"hello")?;
/// assert_eq!(receiver.join().unwrap()?, b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixDatagram {
    socket: Arc<Source<net::UnixDatagram>>,
}

impl UnixDatagram {
    fn new(inner: net::UnixDatagram) -> io::Result<Self> {
        inner.set_nonblocking(true)?;
        let socket = Source::new_socket(inner)?;
        Ok(Self { socket })
    }

    /// Creates a socket bound to a new file at `path`, to which others can send. Go's
    /// `net.ListenUnixgram`.
    ///
    /// # Errors
    /// Returns `AddrInUse` if the file exists, `InvalidInput` if the path is longer than 107 bytes
    /// or contains a 0 byte, or the system's error.
    ///
    /// # Examples
    /// ```
    /// use gort::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("gort-datagram-{}.sock", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.send_to(b"one", &path)?;
    /// client.connect(&path)?;
    /// client.send(b"two")?;
    /// assert_eq!(client.peer_addr()?.as_pathname(), Some(&*path));
    /// let mut buf = [0; 8];
    /// let (n, from) = server.recv_from(&mut buf)?;
    /// assert!(n == 3 && from.is_unnamed());
    /// assert_eq!(server.recv(&mut buf)?, 3);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(net::UnixDatagram::bind(path)?)
    }

    /// Creates a socket bound to an address. The address may be an abstract name, which is not a
    /// file and disappears with the socket.
    ///
    /// # Errors
    /// Returns `AddrInUse` if another socket has the address, or the system's error.
    ///
    /// # Examples
    /// ```
    /// use gort::net::UnixDatagram;
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    ///
    /// let addr = SocketAddr::from_abstract_name(format!("gort.datagram.{}", std::process::id()))?;
    /// let server = UnixDatagram::bind_addr(&addr)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.send_to_addr(b"one", &addr)?;
    /// client.connect_addr(&addr)?;
    /// client.send(b"two")?;
    /// assert_eq!(server.recv(&mut [0; 8])?, 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::new(net::UnixDatagram::bind_addr(addr)?)
    }

    /// Creates a socket without an address. It can only send.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn unbound() -> io::Result<Self> {
        Self::new(net::UnixDatagram::unbound()?)
    }

    /// Creates two sockets without addresses that send to each other.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (near, far) = net::UnixDatagram::pair()?;
        Ok((Self::new(near)?, Self::new(far)?))
    }

    /// Connects to the socket at `path`: [`send`](Self::send) sends there, and [`recv`](Self::recv)
    /// receives only from there.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.socket.get()?.connect(path)
    }

    /// Like [`connect`](Self::connect), for an address, which may be an abstract name.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        self.socket.get()?.connect_addr(addr)
    }

    /// Waits for a datagram, and returns its length and the sender's address. Go's `ReadFrom`.
    ///
    /// # Errors
    /// Returns the system's error, `TimedOut` after the read deadline or the time-out, or
    /// `NotConnected` after `close`.
    #[track_caller]
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.run(Direction::Read, |s| s.recv_from(buf))
    }

    /// Waits for a datagram, and returns its length. Go's `Read`.
    ///
    /// # Errors
    /// Returns the errors of [`recv_from`](Self::recv_from).
    #[track_caller]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.run(Direction::Read, |s| s.recv(buf))
    }

    /// Sends a datagram to the socket at `path`. Waits while that socket's queue is full. Go's
    /// `WriteTo`.
    ///
    /// # Errors
    /// Returns `ConnectionRefused` if the path's socket is gone, the system's error, `TimedOut`
    /// after the write deadline or the time-out, or `NotConnected` after `close`.
    #[track_caller]
    pub fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_to_addr(buf, &SocketAddr::from_pathname(path)?)
    }

    /// Like [`send_to`](Self::send_to), to an address, which may be an abstract name.
    ///
    /// # Errors
    /// Returns the errors of [`send_to`](Self::send_to).
    #[track_caller]
    pub fn send_to_addr(&self, buf: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        // The kernel does not announce room in the queue of a socket that this one is not connected
        // to.
        let limit = self.socket.limit(Direction::Write);
        self.socket
            .run_until(Direction::Write, limit, Retry::Pauses, |s| {
                s.send_to_addr(buf, addr)
            })
    }

    /// Sends a datagram to the socket that this one is [connected](Self::connect) to. Waits while
    /// that socket's queue is full. Go's `Write`.
    ///
    /// # Errors
    /// Returns the errors of [`send_to`](Self::send_to).
    #[track_caller]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.run(Direction::Write, |s| s.send(buf))
    }

    /// Returns this end's address.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// let (near, _far) = gort::net::UnixDatagram::pair()?;
    /// assert!(near.local_addr()?.is_unnamed());
    /// near.shutdown(gort::net::Shutdown::Both)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.local_addr()
    }

    /// Returns the address to which the socket is connected.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.peer_addr()
    }

    /// Shuts down receiving, sending, or both. Wakes the goroutines that wait.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get()?.shutdown(how)
    }
}

handle_methods! { UnixDatagram, "let (socket, _far) = gort::net::UnixDatagram::pair()?;" }
timeout_methods! { UnixDatagram, "let (socket, _far) = gort::net::UnixDatagram::pair()?;" }
handle_conversions! { UnixDatagram, net::UnixDatagram }
