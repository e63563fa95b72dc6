//! Connections of either kind, and the doors they come in by.

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

/// What a client is spoken with.
#[derive(Debug)]
pub enum Stream {
    /// By TCP.
    Tcp(TcpStream),
    /// By a Unix socket.
    Unix(UnixStream),
}

/// The same expression for the stream of either kind.
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
    /// The system's; one of kind `TimedOut` when the time is over.
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

    /// Nobody reads or writes from this moment on; whoever waits is woken then.
    pub fn set_deadline(&self, at: Instant) {
        // It may be closed already.
        either!(self, s => s.set_deadline(Some(at))).ok();
    }

    /// Nobody reads from this moment on.
    pub fn set_read_deadline(&self, at: Instant) {
        either!(self, s => s.set_read_deadline(Some(at))).ok();
    }

    /// Nobody writes from this moment on.
    pub fn set_write_deadline(&self, at: Instant) {
        either!(self, s => s.set_write_deadline(Some(at))).ok();
    }

    /// Tells the other end that nothing more comes.
    ///
    /// # Errors
    /// The system's; `NotConnected` after [`close`](Self::close).
    pub fn end_output(&self) -> io::Result<()> {
        either!(self, s => s.shutdown(Shutdown::Write))
    }

    /// Ends it, for whoever waits too.
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

/// Where clients come in.
#[derive(Debug)]
pub enum Door {
    /// An address and port.
    Tcp(TcpListener),
    /// The socket's file goes with it.
    Unix(UnixListener, PathBuf),
}

impl Door {
    /// A path has a slash in it.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what is no address, else [`Failure::Failed`].
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

    /// The next client's stream; `None` when the door is closed.
    pub fn accept(&self) -> Option<Stream> {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => listener.accept().and_then(|(stream, _)| {
                    // A line shall not wait until the client has confirmed the one before.
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

    /// Nobody comes in any more.
    pub fn close(&self) {
        match self {
            Self::Tcp(listener) => listener.close(),
            // Once only: the next file there may be another server's.
            Self::Unix(listener, path) if listener.local_addr().is_ok() => {
                // Somebody may have removed it.
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
