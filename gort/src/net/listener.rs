//! [`TcpListener`].

use super::handle::{handle_conversions, handle_methods};
use super::stream::TcpStream;
use crate::io::source::Source;
use gort_runtime::{Direction, blocking};
use socket2::SockRef;
use std::io;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// A TCP socket that listens for connections: [`std::net::TcpListener`], with deadlines and
/// `close`; see [the module](super). Go's `net.TCPListener`.
///
/// A server that stops when it is told to:
///
/// ```
/// use gort::net::{TcpListener, TcpStream};
/// use gort::prelude::*;
/// use std::io::Write;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let stopper = listener.try_clone()?;
/// let server = go!(move || {
///     for stream in listener.incoming() {
///         let Ok(mut stream) = stream else { break };
///         go!(move || stream.write_all(b"hello"));
///     }
/// });
/// let client = TcpStream::connect(addr)?;
/// stopper.close();
/// server.join().unwrap();
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpListener {
    socket: Arc<Source<net::TcpListener>>,
}

impl TcpListener {
    pub(super) fn new(socket: Arc<Source<net::TcpListener>>) -> Self {
        Self { socket }
    }

    /// Listens on the first of the addresses that is available. Go's `net.Listen`.
    ///
    /// # Errors
    /// Returns the system's error for the last address.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        // The system's resolver may block the thread.
        let inner = blocking(|| net::TcpListener::bind(addr))?;
        inner.set_nonblocking(true)?;
        // std asks for a queue of 128 connections. A short burst fills that, and further clients
        // try again only after a second. Like Go, ask for as many as the system allows.
        SockRef::from(&inner).listen(i32::MAX)?;
        Source::new_socket(inner).map(Self::new)
    }

    /// Waits for a connection. Go's `Accept`.
    ///
    /// # Errors
    /// Returns the system's error (for example if the process has no descriptors left; then the
    /// connection stays in the queue), `TimedOut` from the read deadline on, or `NotConnected`
    /// after `close`.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let (_stream, from) = listener.accept()?;
    /// assert_eq!(from, client.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, addr) = self.socket.run(Direction::Read, net::TcpListener::accept)?;
        stream.set_nonblocking(true)?;
        Ok((TcpStream::new(Source::new_socket(stream)?), addr))
    }

    /// Returns an iterator that accepts connections for ever.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Returns the local address of this listener.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.local_addr()
    }

    /// Sets the value of the packets' `IP_TTL` field.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// use gort::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// listener.set_ttl(64)?;
    /// assert_eq!(listener.ttl()?, 64);
    /// # Ok::<(), std::io::Error>(())
    /// ```
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

/// An iterator over the connections that [`TcpListener::accept`] returns, without their addresses.
///
/// ```
/// use gort::net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let _client = TcpStream::connect(listener.local_addr()?)?;
/// for stream in listener.incoming().take(1) {
///     println!("{} has connected", stream?.peer_addr()?);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
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

handle_methods! {
    TcpListener,
    "let socket = gort::net::TcpListener::bind(\"127.0.0.1:0\")?;"
}
handle_conversions! { TcpListener, net::TcpListener }
