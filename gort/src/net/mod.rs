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
//! - **Deadlines**: `set_read_deadline` and `set_write_deadline` set a moment from which operations
//!   fail with [`TimedOut`](std::io::ErrorKind::TimedOut), including those that already wait. Set
//!   another moment, or `None`, to use the socket again. std's time-outs, which restart with every
//!   operation, work too. Their error is also `TimedOut`. (A `std::net` socket may return
//!   `WouldBlock`.)
//! - **`close`** ends a connection or a listener while others use it. It wakes the goroutines that
//!   wait, and operations fail with [`NotConnected`](std::io::ErrorKind::NotConnected), "use of
//!   closed network connection". The descriptor's *number* is released when the last handle is
//!   dropped.
//!
//! # What differs from std
//! - `try_clone` returns another handle to the same socket, without another descriptor. Time-outs,
//!   deadlines and `close` affect all handles. Dropping the last handle closes the socket.
//! - `set_nonblocking` decides whether operations wait. The descriptor itself is always
//!   non-blocking, which you see if you use it through [`AsFd`](std::os::fd::AsFd).
//! - Converting a std socket to gort sets its `O_NONBLOCK`. The flag belongs to the socket, not to
//!   the descriptor, so std's clones of the socket see the change. The flag is cleared again when
//!   the socket is converted back to std, or when its last handle is dropped without `close`. A
//!   socket that was already non-blocking stays non-blocking. A socket that gort created is
//!   converted to a std socket that blocks.
//! - Converting a handle to a std socket while other handles exist duplicates the descriptor. The
//!   std socket is then non-blocking, because the flag is shared and the other handles need it.
//! - `Read` and `Write` with an empty buffer return `Ok(0)` at once. An empty datagram is a message
//!   like any other.
//! - The system's resolver resolves names. It blocks its thread and uses a few tens of kilobytes of
//!   stack, so goroutines with very small stacks should connect to addresses, not names.

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
