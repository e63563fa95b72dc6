//! [`UnixListener`].

use super::stream::UnixStream;
use crate::io::source::Source;
use crate::net::handle::{handle_conversions, handle_methods};
use gort_runtime::Direction;
use socket2::SockRef;
use std::io;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// A Unix socket that listens for connections: [`std::os::unix::net::UnixListener`], with deadlines
/// and `close`; see [the module](crate::net). Go's `net.UnixListener`.
///
/// Like std's, it leaves the file at its path when it is dropped. Remove the file before the next
/// `bind`.
///
/// ```
/// use gort::net::{UnixListener, UnixStream};
/// use gort::prelude::*;
/// use std::io::{Read, Write};
///
/// let path = std::env::temp_dir().join(format!("gort-{}.sock", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let stopper = listener.try_clone()?;
/// let server = go!(move || {
///     for stream in listener.incoming() {
///         let Ok(mut stream) = stream else { break };
///         go!(move || stream.write_all(b"hello"));
///     }
/// });
/// let mut greeting = String::new();
/// UnixStream::connect(&path)?.read_to_string(&mut greeting)?;
/// assert_eq!(greeting, "hello");
/// stopper.close();
/// server.join().unwrap();
/// std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixListener {
    socket: Arc<Source<net::UnixListener>>,
}

impl UnixListener {
    /// Creates a file at `path`, and listens there. Go's `net.Listen("unix", path)`.
    ///
    /// # Errors
    /// Returns `AddrInUse` if the file exists, `InvalidInput` if the path is longer than 107 bytes
    /// or contains a 0 byte, or the system's error.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::listening(net::UnixListener::bind(path)?)
    }

    /// Listens at an address. The address may be an abstract name, which is not a file and
    /// disappears with the socket.
    ///
    /// # Errors
    /// Returns `AddrInUse` if another socket has the address, or the system's error.
    ///
    /// # Examples
    /// ```
    /// use gort::net::{UnixListener, UnixStream};
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    ///
    /// let name = format!("gort.{}", std::process::id());
    /// let addr = SocketAddr::from_abstract_name(&name)?;
    /// let listener = UnixListener::bind_addr(&addr)?;
    /// let near = UnixStream::connect_addr(&addr)?;
    /// let (far, from) = listener.accept()?;
    /// assert!(from.is_unnamed());
    /// assert_eq!(listener.local_addr()?.as_abstract_name(), Some(name.as_bytes()));
    /// # drop((near, far));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::listening(net::UnixListener::bind_addr(addr)?)
    }

    fn listening(inner: net::UnixListener) -> io::Result<Self> {
        inner.set_nonblocking(true)?;
        // Ask for as long a queue as the system allows, as for TCP.
        SockRef::from(&inner).listen(i32::MAX)?;
        let socket = Source::new_socket(inner)?;
        Ok(Self { socket })
    }

    /// Waits for a connection. Go's `Accept`.
    ///
    /// # Errors
    /// Returns the system's error, `TimedOut` from the read deadline on, or `NotConnected` after
    /// `close`.
    #[track_caller]
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, addr) = self
            .socket
            .run(Direction::Read, net::UnixListener::accept)?;
        Ok((UnixStream::new(stream)?, addr))
    }

    /// Returns an iterator that accepts connections for ever.
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }

    /// Returns the address that it listens on.
    ///
    /// # Errors
    /// Returns the system's error, or `NotConnected` after `close`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get()?.local_addr()
    }
}

/// An iterator over the connections that [`UnixListener::accept`] returns, without their addresses.
/// std's [`Incoming`](std::os::unix::net::Incoming).
///
/// ```
/// use gort::net::{UnixIncoming, UnixListener, UnixStream};
///
/// # let path = std::env::temp_dir().join(format!("gort-incoming-{}.sock", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let _client = UnixStream::connect(&path)?;
/// let mut incoming: UnixIncoming<'_> = listener.incoming();
/// let stream = incoming.next().expect("it never ends")?;
/// println!("user {} has connected", stream.peer_cred()?.uid());
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UnixIncoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl std::iter::FusedIterator for UnixIncoming<'_> {}

handle_methods! {
    UnixListener,
    "use std::os::linux::net::SocketAddrExt;

let name = format!(\"gort.listener.{}\", std::process::id());
let addr = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
let socket = gort::net::UnixListener::bind_addr(&addr)?;"
}
handle_conversions! { UnixListener, net::UnixListener }
