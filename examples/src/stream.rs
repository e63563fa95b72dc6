//! Connections over TCP and Unix sockets, and the listeners that accept them.

use crate::{Failure, Outcome};
use gort::context::Context;
use gort::net::{Shutdown, TcpListener, TcpStream, UnixListener, UnixStream};
use gort::time::sleep;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A connection of either kind.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

/// Applies the same expression to a stream of either kind.
macro_rules! either {
    ($stream:expr, $s:ident => $e:expr) => {
        match $stream {
            Stream::Tcp($s) => $e,
            Stream::Unix($s) => $e,
        }
    };
}

impl Stream {
    /// Connects to an address, or to a path, which has a slash in it.
    ///
    /// # Errors
    /// Returns the system's errors, and `TimedOut` when the time is up.
    pub fn connect(addr: &OsStr, limit: Duration) -> io::Result<Self> {
        let text = addr.to_string_lossy();
        if text.contains('/') {
            let addr = SocketAddr::from_pathname(Path::new(addr))?;
            return UnixStream::connect_timeout(&addr, limit).map(Self::Unix);
        }
        let (ctx, _cancel) = Context::background().with_timeout(limit);
        let stream = TcpStream::connect_context(&ctx, &*text)?;
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    /// Makes all reads and writes fail from `at` on, even those that already wait.
    pub fn set_deadline(&self, at: Instant) {
        // The stream may be closed already.
        either!(self, s => s.set_deadline(Some(at))).ok();
    }

    /// Makes all reads fail from `at` on.
    pub fn set_read_deadline(&self, at: Instant) {
        either!(self, s => s.set_read_deadline(Some(at))).ok();
    }

    /// Makes all writes fail from `at` on.
    pub fn set_write_deadline(&self, at: Instant) {
        either!(self, s => s.set_write_deadline(Some(at))).ok();
    }

    /// Tells the other end that no more output comes.
    ///
    /// # Errors
    /// Returns the system's errors, and `NotConnected` after [`close`](Self::close).
    pub fn end_output(&self) -> io::Result<()> {
        either!(self, s => s.shutdown(Shutdown::Write))
    }

    /// Closes the stream, and wakes goroutines that wait for it.
    pub fn close(&self) {
        either!(self, s => s.close());
    }
}

impl Read for &Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        either!(self, s => (&*s).read(buf))
    }
}

impl Write for &Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        either!(self, s => (&*s).write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A listener of either kind.
#[derive(Debug)]
pub enum Door {
    /// An address and port.
    Tcp(TcpListener),
    /// A Unix socket and the path of its file, which is removed when the door is closed.
    Unix(UnixListener, PathBuf),
}

impl Door {
    /// Opens a listener. An address with a slash in it is a path.
    ///
    /// # Errors
    /// Returns [`Failure::Usage`] for an invalid address, and otherwise [`Failure::Failed`].
    pub fn open(addr: &OsStr) -> Outcome<Self> {
        let text = addr.to_string_lossy();
        let door = match text.contains('/') {
            true => UnixListener::bind(addr).map(|listener| Self::Unix(listener, addr.into())),
            false => TcpListener::bind(&*text).map(Self::Tcp),
        };
        door.map_err(|e| match e.kind() {
            ErrorKind::InvalidInput => Failure::usage(format!("{text:?}: {e}")),
            _ => Failure::Failed(format!("{text}: {e}")),
        })
    }

    /// Accepts the next client. Returns `None` when the door is closed.
    pub fn accept(&self) -> Option<Stream> {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => listener.accept().and_then(|(stream, _)| {
                    // A line must not wait until the client has confirmed the one before.
                    stream.set_nodelay(true)?;
                    Ok(Stream::Tcp(stream))
                }),
                Self::Unix(listener, _) => {
                    listener.accept().map(|(stream, _)| Stream::Unix(stream))
                }
            };
            match accepted {
                Ok(stream) => return Some(stream),
                Err(e) if e.kind() == ErrorKind::NotConnected => return None,
                Err(e) if e.kind() == ErrorKind::ConnectionAborted => {}
                // Too many descriptors are open. The client stays in the queue.
                Err(_) => sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Closes the listener: no more clients are accepted.
    pub fn close(&self) {
        match self {
            Self::Tcp(listener) => listener.close(),
            // Removes the file only once: a later file at this path may belong to another server.
            Self::Unix(listener, path) if listener.local_addr().is_ok() => {
                // The file may have been removed.
                fs::remove_file(path).ok();
                listener.close();
            }
            Self::Unix(..) => {}
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(addr) => addr.fmt(f),
                Err(e) => e.fmt(f),
            },
            Self::Unix(_, path) => path.display().fmt(f),
        }
    }
}
