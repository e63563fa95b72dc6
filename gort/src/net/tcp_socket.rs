//! [`TcpSocket`].

use super::connect;
use super::listener::TcpListener;
use super::stream::TcpStream;
use crate::io::source::Source;
use socket2::{Domain, Socket};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// A TCP socket that neither listens nor is connected yet. Use it to set options before it does
/// either. tokio's `TcpSocket`; Go's `net.ListenConfig` and the `Control` of its `net.Dialer`.
///
/// Set any other option through [`AsFd`].
///
/// ```
/// use gort::net::{TcpSocket, TcpStream};
///
/// // Two listeners on one port: the kernel distributes the connections between them.
/// let first = TcpSocket::new_v4()?;
/// first.reuse_port(true)?;
/// first.bind("127.0.0.1:0".parse().unwrap())?;
/// let first = first.listen(128)?;
/// let second = TcpSocket::new_v4()?;
/// second.reuse_port(true)?;
/// second.bind(first.local_addr()?)?;
/// let second = second.listen(128)?;
///
/// let client = TcpSocket::new_v4()?;
/// client.set_recv_buffer_size(1 << 20)?;
/// let client: TcpStream = client.connect(second.local_addr()?)?;
/// assert_eq!(client.peer_addr()?, first.local_addr()?);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TcpSocket {
    socket: Socket,
}

impl TcpSocket {
    /// Creates a socket for IPv4.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn new_v4() -> io::Result<Self> {
        let socket = connect::socket(Domain::IPV4)?;
        Ok(Self { socket })
    }

    /// Creates a socket for IPv6.
    ///
    /// # Errors
    /// Returns the system's error, for example `Uncategorized` on a system without IPv6.
    ///
    /// # Examples
    /// ```no_run
    /// use gort::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v6()?;
    /// socket.bind("[::]:80".parse().unwrap())?;
    /// let listener = socket.listen(1024)?;
    /// # drop(listener);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new_v6() -> io::Result<Self> {
        let socket = connect::socket(Domain::IPV6)?;
        Ok(Self { socket })
    }

    /// Sets whether other sockets with this option may bind to the same address: `SO_REUSEPORT`.
    /// The kernel then distributes the connections among them. Set it before [`bind`](Self::bind).
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn reuse_port(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuse)
    }

    /// Sets whether the socket may bind to an address whose old connections are still ending:
    /// `SO_REUSEADDR`. Set it before [`bind`](Self::bind). (`TcpListener::bind` does.)
    ///
    /// # Errors
    /// Returns the system's error.
    ///
    /// # Examples
    /// ```
    /// let socket = gort::net::TcpSocket::new_v4()?;
    /// socket.reuse_address(true)?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reuse_address(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuse)
    }

    /// Sets the maximum number of received bytes that the kernel buffers. The kernel may choose
    /// another number. Accepted sockets inherit that of their listener.
    ///
    /// # Errors
    /// Returns the system's error.
    ///
    /// # Examples
    /// ```
    /// let socket = gort::net::TcpSocket::new_v4()?;
    /// socket.set_recv_buffer_size(64 * 1024)?;
    /// socket.set_send_buffer_size(64 * 1024)?;
    /// // The kernel doubles it, for its own book-keeping.
    /// assert!(socket.recv_buffer_size()? >= 64 * 1024);
    /// assert!(socket.send_buffer_size()? >= 64 * 1024);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_recv_buffer_size(&self, bytes: u32) -> io::Result<()> {
        self.socket.set_recv_buffer_size(bytes as usize)
    }

    /// Returns the maximum number of received bytes that the kernel buffers.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.socket.recv_buffer_size().map(saturate)
    }

    /// Sets the maximum number of unsent bytes that the kernel buffers. The kernel may choose
    /// another number.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn set_send_buffer_size(&self, bytes: u32) -> io::Result<()> {
        self.socket.set_send_buffer_size(bytes as usize)
    }

    /// Returns the maximum number of unsent bytes that the kernel buffers.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.socket.send_buffer_size().map(saturate)
    }

    /// Binds the socket to an address. With port 0, the system chooses the port.
    ///
    /// # Errors
    /// Returns `AddrInUse` if another socket has the address, or the system's error.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.socket.bind(&addr.into())
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let addr = self.socket.local_addr()?;
        addr.as_socket()
            .ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// Listens, with a queue of at most `backlog` connections that have not been accepted. The
    /// system has a limit of its own.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.socket
            .listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Source::new_socket(self.socket.into()).map(TcpListener::new)
    }

    /// Connects, and waits until the socket is connected.
    ///
    /// # Errors
    /// Returns the system's error.
    #[track_caller]
    pub fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        connect::to(self.socket, addr, None, None).map(TcpStream::new)
    }
}

fn saturate(bytes: usize) -> u32 {
    bytes.try_into().unwrap_or(u32::MAX)
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
