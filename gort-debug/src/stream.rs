//! A connection, over TCP or over a Unix socket.

use gort::net::{Shutdown, TcpStream, UnixStream};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// A connection with a client.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Calls a method of either variant.
macro_rules! either {
    ($stream:expr, $one:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($one) => $call,
            Stream::Unix($one) => $call,
        }
    };
}

impl Stream {
    /// Returns another handle to the same connection.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(one) => Self::Tcp(one.try_clone()?),
            Self::Unix(one) => Self::Unix(one.try_clone()?),
        })
    }

    /// Reads bytes that have arrived, or waits for some until the deadline. Returns how many were
    /// read: 0 at the end.
    pub(crate) fn read(&self, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
        either!(self, one => {
            one.set_read_deadline(Some(deadline))?;
            let mut reader = one;
            reader.read(into)
        })
    }

    /// Writes all of `bytes` within `time`.
    pub(crate) fn write(&self, bytes: &[u8], time: Duration) -> io::Result<()> {
        let deadline = Instant::now().checked_add(time);
        either!(self, one => {
            one.set_write_deadline(deadline)?;
            let mut writer = one;
            writer.write_all(bytes)
        })
    }

    /// Tells the client that no more data follows.
    pub(crate) fn end_output(&self) -> io::Result<()> {
        either!(self, one => one.shutdown(Shutdown::Write))
    }

    /// Ends the connection for all of its handles.
    pub(crate) fn close(&self) {
        either!(self, one => one.close());
    }
}
