//! Sockets that park the goroutine, not the thread, shaped like std's.
//!
//! ```
//! use gort::net::{TcpListener, TcpStream};
//! use std::io::{Read, Write};
//!
//! fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let addr = listener.local_addr()?;
//!     gort::spawn(move || {
//!         let (mut stream, _) = listener.accept().unwrap();
//!         stream.write_all(b"hello").unwrap();
//!     });
//!     let mut greeting = String::new();
//!     TcpStream::connect(addr)?.read_to_string(&mut greeting)?;
//!     assert_eq!(greeting, "hello");
//!     Ok(())
//! }
//! ```
//!
//! Everything also works on plain threads, where it blocks the thread. Libraries written for
//! `Read` and `Write` run on these types unchanged.
//!
//! # What std's sockets do not have
//! - **Deadlines**: `set_read_deadline` and `set_write_deadline` set a moment from which
//!   operations fail with [`TimedOut`](std::io::ErrorKind::TimedOut), those that wait
//!   included, until it is set to another moment, or to `None`. std's time-outs, which begin
//!   anew with every operation, are there too; their error is `TimedOut` as well. (A
//!   `std::net` socket may say `WouldBlock`.)
//! - **`close`** ends a connection or a listener while others use it: whoever waits is woken,
//!   and operations fail with [`NotConnected`](std::io::ErrorKind::NotConnected), "use of
//!   closed network connection". The descriptor's *number* is given back when the last handle
//!   is dropped.
//!
//! # What is different
//! - `try_clone` gives another handle to the same socket, without another descriptor: time-outs,
//!   deadlines and `close` go for all of them. Dropping the last handle closes the socket.
//! - `set_nonblocking` decides whether operations wait. The descriptor itself never blocks,
//!   as whoever takes it by [`AsFd`](std::os::fd::AsFd) finds.
//! - A socket that comes from std has its `O_NONBLOCK` set. The flag belongs to the socket, not to the descriptor, so
//!   std's clones of it see that too. It is cleared again when the socket goes back to std, or its last handle is
//!   dropped without `close`; one that came non-blocking stays so. A socket made here goes to std as one
//!   that blocks.
//! - If there are other handles, a conversion into std's type gives another descriptor of the socket, which must not
//!   change how the others behave: it does not block.
//! - An empty buffer is `Ok(0)` at once for `Read` and `Write`. For datagrams it is a message like any other.
//! - Names are resolved by the system's resolver, which blocks its thread and takes some tens of
//!   kilobytes of stack; goroutines with very small stacks should connect by address.

mod addr;
mod connect;
mod context;
mod handle;
mod listener;
mod race;
mod stream;
mod systemd;
mod tcp_socket;
mod udp;
mod unix;

pub use addr::lookup_host;
pub use listener::{Incoming, TcpListener};
pub use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
pub use stream::TcpStream;
pub use systemd::{Listener, systemd_listeners};
pub use tcp_socket::TcpSocket;
pub use udp::UdpSocket;
pub use unix::{UCred, UnixDatagram, UnixIncoming, UnixListener, UnixStream};
