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
/// Each datagram goes to one of those who receive. A buffer that is too short gets its first bytes, and the rest is
/// lost; a datagram may be empty, which is no end of anything.
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
    /// A socket with the first of the addresses that can be had. Go's `net.ListenPacket`.
    ///
    /// # Errors
    /// The system's, for the last address.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        // The system's resolver blocks.
        let inner = blocking(|| net::UdpSocket::bind(addr))?;
        inner.set_nonblocking(true)?;
        let socket = Source::made(inner)?;
        Ok(Self { socket })
    }

    /// Has [`send`](Self::send) go to, and [`recv`](Self::recv) come from, the first of the addresses that can be had.
    /// Nothing is sent for that; but once something was, a port where nobody listens is an error of a later
    /// call (`ConnectionRefused`), once. Go's `net.Dial`.
    ///
    /// # Errors
    /// The system's, for the last address; `NotConnected` after `close`.
    pub fn connect(&self, addr: impl ToSocketAddrs) -> io::Result<()> {
        let socket = self.socket.get()?;
        each_addr(addr, |addr| socket.connect(addr))
    }

    /// Waits for a datagram; its length, and whom it is from. Go's `ReadFrom`.
    ///
    /// # Errors
    /// The system's; `TimedOut` from the read deadline on, or after the time-out; `NotConnected` after
    /// `close`.
    #[track_caller]
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.run(Direction::Read, |s| s.recv_from(buf))
    }

    /// The same, without taking the datagram.
    ///
    /// # Errors
    /// As for [`recv_from`](Self::recv_from).
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
    /// The system's; `InvalidInput` without an address; `TimedOut` from the write deadline on, or after
    /// the time-out; `NotConnected` after `close`.
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

    /// Waits for a datagram; its length. From anybody, unless the socket is [connected](Self::connect). Go's
    /// `Read`.
    ///
    /// # Errors
    /// As for [`recv_from`](Self::recv_from); `ConnectionRefused`, once, after something was sent to a port where nobody
    /// listens.
    #[track_caller]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.run(Direction::Read, |s| s.recv(buf))
    }

    /// The same, without taking the datagram.
    ///
    /// # Errors
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.run(Direction::Read, |s| s.peek(buf))
    }

    /// Sends a datagram to whom the socket is [connected](Self::connect). Go's `Write`.
    ///
    /// # Errors
    /// The system's; `ConnectionRefused`, once, after something was sent to a port where nobody listens;
    /// `TimedOut` from the write deadline on, or after the time-out; `NotConnected` after `close`.
    #[track_caller]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.run(Direction::Write, |s| s.send(buf))
    }

    /// The address to which the socket is connected.
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
}

/// One of std's options: how it is set and how it is asked for.
macro_rules! options {
    ($($(#[$doc:meta])* $set:ident, $get:ident: $value:ty;)*) => {
        /// # Options
        impl UdpSocket {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// The system's; `NotConnected` after `close`.
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

            #[doc = concat!("What [`", stringify!($set), "`](Self::", stringify!($set), ") sets.")]
            ///
            /// # Errors
            /// The system's; `NotConnected` after `close`.
            pub fn $get(&self) -> io::Result<$value> {
                self.socket.get()?.$get()
            }
        )*}
    };
}

options! {
    /// Whether datagrams may go to a broadcast address: `SO_BROADCAST`.
    set_broadcast, broadcast: bool;
    /// The value of the packets' `IP_TTL` field.
    set_ttl, ttl: u32;
    /// Whether multicast datagrams come back to this machine: `IP_MULTICAST_LOOP`.
    set_multicast_loop_v4, multicast_loop_v4: bool;
    /// How far multicast datagrams go: `IP_MULTICAST_TTL`, at first 1, the local network.
    set_multicast_ttl_v4, multicast_ttl_v4: u32;
}

/// # Multicast
impl UdpSocket {
    /// Whether multicast datagrams come back to this machine: `IPV6_MULTICAST_LOOP`.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
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

    /// What [`set_multicast_loop_v6`](Self::set_multicast_loop_v6) sets.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.socket.get()?.multicast_loop_v6()
    }

    /// Receives what is sent to the group `multiaddr`, on the interface that has the address `interface`; with
    /// an unspecified one the system chooses.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
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

    /// Receives what is sent to the group `multiaddr`, on the interface of this index; 0: the system
    /// chooses.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get()?.join_multicast_v6(multiaddr, interface)
    }

    /// Takes [`join_multicast_v4`](Self::join_multicast_v4) back.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.get()?.leave_multicast_v4(multiaddr, interface)
    }

    /// Takes [`join_multicast_v6`](Self::join_multicast_v6) back.
    ///
    /// # Errors
    /// The system's; `NotConnected` after `close`.
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
