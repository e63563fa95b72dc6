//! `UdpSocket`.

use super::addr::{each_addr, lookup_host};
use super::handle::{handle_conversions, handle_methods, timeout_methods};
use crate::io::source::{EDGES, Source};
use gort_runtime::{Direction, blocking};
use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// A UDP socket: [`std::net::UdpSocket`], with deadlines and `close`; see [the module](super). Go's
/// `net.UDPConn`.
///
/// Each datagram goes to one receiver, even if several wait. If a buffer is too short it gets the
/// datagram's first bytes, and the rest is lost. A datagram may be empty: a length of 0 is not an
/// end.
///
/// ```
/// use gort::net::UdpSocket;
/// use gort::prelude::*;
///
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let addr = server.local_addr()?;
/// let echo = go!(move || {
///     let mut buf = [0; 1500];
///     let (n, from) = server.recv_from(&mut buf)?;
///     server.send_to(&buf[..n], from)
/// });
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.connect(addr)?;
/// client.send(b"hello")?;
/// let mut buf = [0; 1500];
/// let n = client.recv(&mut buf)?;
/// assert_eq!(&buf[..n], b"hello");
/// assert_eq!(client.peer_addr()?, addr);
/// assert_eq!(echo.join().unwrap()?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UdpSocket {
    socket: Arc<Source<net::UdpSocket>>,
}

impl UdpSocket {
    /// Creates a socket bound to the first of the addresses that is available. Go's
    /// `net.ListenPacket`.
    ///
    /// # Errors
    /// Returns the system's error for the last address.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        // The system's resolver may block the thread.
        let inner = blocking(|| net::UdpSocket::bind(addr))?;
        inner.set_nonblocking(true)?;
        let socket = Source::new_socket(inner)?;
        Ok(Self { socket })
    }

    /// Connects the socket to the first of the addresses that works: [`send`](Self::send) sends
    /// there, and [`recv`](Self::recv) receives only from there. Go's `net.Dial`.
    ///
    /// Connecting sends nothing. If no socket listens at the address, a call after a later send
    /// fails once with `ConnectionRefused`.
    ///
    /// # Errors
    /// Returns the system's error for the last address, or `NotConnected` after `close`.
    pub fn connect(&self, addr: impl ToSocketAddrs) -> io::Result<()> {
        let socket = self.socket.get()?;
        each_addr(addr, |addr| socket.connect(addr))
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

    /// Like [`recv_from`](Self::recv_from), but leaves the datagram in the queue.
    ///
    /// # Errors
    /// Returns the errors of [`recv_from`](Self::recv_from).
    ///
    /// # Examples
    /// ```
    /// use gort::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.connect(socket.local_addr()?)?;
    /// socket.send(b"note to self")?;
    /// let mut buf = [0; 4];
    /// assert_eq!(socket.peek_from(&mut buf)?, (4, socket.local_addr()?));
    /// assert_eq!(socket.peek(&mut buf)?, 4);
    /// assert_eq!(socket.recv(&mut buf)?, 4);
    /// assert_eq!(&buf, b"note");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.run(Direction::Read, |s| s.peek_from(buf))
    }

    /// Sends a datagram to the first of the addresses. Go's `WriteTo`.
    ///
    /// # Errors
    /// Returns the system's error, `InvalidInput` if `addr` yields no address, `TimedOut` after the
    /// write deadline or the time-out, or `NotConnected` after `close`.
    #[track_caller]
    pub fn send_to(&self, buf: &[u8], addr: impl ToSocketAddrs) -> io::Result<usize> {
        let limit = self.socket.limit(Direction::Write);
        let Some(addr) = lookup_host(addr)?.next() else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no addresses to send data to",
            ));
        };
        self.socket
            .run_until(Direction::Write, limit, EDGES, |s| s.send_to(buf, addr))
    }

    /// Waits for a datagram, and returns its length. The datagram may come from any sender, unless
    /// the socket is [connected](Self::connect). Go's `Read`.
    ///
    /// # Errors
    /// Returns the errors of [`recv_from`](Self::recv_from). Also fails once with
    /// `ConnectionRefused` after a send to a port where no socket listens.
    #[track_caller]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.run(Direction::Read, |s| s.recv(buf))
    }

    /// Like [`recv`](Self::recv), but leaves the datagram in the queue.
    ///
    /// # Errors
    /// Returns the errors of [`recv`](Self::recv).
    #[track_caller]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.run(Direction::Read, |s| s.peek(buf))
    }

    /// Sends a datagram to the address that the socket is [connected](Self::connect) to. Go's
    /// `Write`.
    ///
    /// # Errors
    /// Returns the system's error, `TimedOut` after the write deadline or the time-out, or
    /// `NotConnected` after `close`. Also fails once with `ConnectionRefused` after a send to a
    /// port where no socket listens.
    #[track_caller]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.run(Direction::Write, |s| s.send(buf))
    }

    /// Returns the address to which the socket is connected.
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
}

/// Defines the setter and the getter of each of std's socket options.
macro_rules! options {
    ($($(#[$doc:meta])* $set:ident, $get:ident: $value:ty;)*) => {
        /// # Options
        impl UdpSocket {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// Returns the system's error, or `NotConnected` after `close`.
            ///
            /// # Examples
            /// ```
            /// let socket = gort::net::UdpSocket::bind("127.0.0.1:0")?;
            #[doc = concat!("let value = socket.", stringify!($get), "()?;")]
            #[doc = concat!("socket.", stringify!($set), "(value)?;")]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn $set(&self, value: $value) -> io::Result<()> {
                self.socket.get()?.$set(value)
            }

            #[doc = concat!(
                "Returns the value of the option that [`", stringify!($set), "`](Self::", stringify!($set),
                ") sets.",
            )]
            ///
            /// # Errors
            /// Returns the system's error, or `NotConnected` after `close`.
            pub fn $get(&self) -> io::Result<$value> {
                self.socket.get()?.$get()
            }
        )*}
    };
}

options! {
    /// Sets whether datagrams may go to a broadcast address: `SO_BROADCAST`.
    set_broadcast, broadcast: bool;
    /// Sets the value of the packets' `IP_TTL` field.
    set_ttl, ttl: u32;
    /// Sets whether multicast datagrams come back to this machine: `IP_MULTICAST_LOOP`.
    set_multicast_loop_v4, multicast_loop_v4: bool;
    /// Sets how far multicast datagrams go: `IP_MULTICAST_TTL`. The default is 1, the local
    /// network.
    set_multicast_ttl_v4, multicast_ttl_v4: u32;
}

/// # Multicast
impl UdpSocket {
    /// Sets whether multicast datagrams come back to this machine: `IPV6_MULTICAST_LOOP`.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```no_run
    /// let socket = gort::net::UdpSocket::bind("[::1]:0")?;
    /// socket.set_multicast_loop_v6(false)?;
    /// assert!(!socket.multicast_loop_v6()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_multicast_loop_v6(&self, value: bool) -> io::Result<()> {
        self.socket.get()?.set_multicast_loop_v6(value)
    }

    /// Returns the value of the option that
    /// [`set_multicast_loop_v6`](Self::set_multicast_loop_v6) sets.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.socket.get()?.multicast_loop_v6()
    }

    /// Joins the multicast group `multiaddr` on the interface with the address `interface`. If that
    /// is unspecified, the system chooses the interface.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```no_run
    /// use std::net::{Ipv4Addr, Ipv6Addr};
    ///
    /// let (group, any) = (Ipv4Addr::new(224, 0, 0, 251), Ipv4Addr::UNSPECIFIED);
    /// let socket = gort::net::UdpSocket::bind("0.0.0.0:5353")?;
    /// socket.join_multicast_v4(&group, &any)?;
    /// socket.leave_multicast_v4(&group, &any)?;
    ///
    /// let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
    /// let socket = gort::net::UdpSocket::bind("[::]:5353")?;
    /// socket.join_multicast_v6(&group, 0)?;
    /// socket.leave_multicast_v6(&group, 0)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.get()?.join_multicast_v4(multiaddr, interface)
    }

    /// Joins the multicast group `multiaddr` on the interface with this index. With 0, the system
    /// chooses the interface.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get()?.join_multicast_v6(multiaddr, interface)
    }

    /// Leaves a group that [`join_multicast_v4`](Self::join_multicast_v4) has joined.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.get()?.leave_multicast_v4(multiaddr, interface)
    }

    /// Leaves a group that [`join_multicast_v6`](Self::join_multicast_v6) has joined.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get()?.leave_multicast_v6(multiaddr, interface)
    }
}

handle_methods! {
    UdpSocket,
    "let socket = gort::net::UdpSocket::bind(\"127.0.0.1:0\")?;"
}
timeout_methods! {
    UdpSocket,
    "let socket = gort::net::UdpSocket::bind(\"127.0.0.1:0\")?;"
}
handle_conversions! { UdpSocket, net::UdpSocket }
