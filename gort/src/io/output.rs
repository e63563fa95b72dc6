//! [`Stdout`] and [`Stderr`].
//!
//! All output goes through std's `stdout` and its buffer. So this output and that of `println!` are
//! in the order of the calls, and std flushes what is left when the process ends.
//!
//! # Two locks
//! *Std's lock* belongs to a thread, and lets the same thread in twice. Goroutines share threads. A
//! goroutine that parked while it held the lock would let the next goroutine on that thread into
//! the middle of its line. It could also continue on another thread, and release a lock that
//! belongs to the first one. So std's lock is acquired and released inside the closure of one
//! [`run`](super::standard::run), in which nothing parks.
//!
//! *gort's lock* (`TURN`) is a gort mutex. It is held for a whole `write_all` or `write!`,
//! including the waits. gort's lock is always acquired first, and code that holds only std's
//! (`println!`, plain threads) never acquires gort's. So there is no deadlock.
//!
//! # Whole lines
//! Code that uses only std's lock may write between two pieces of one write. So each piece ends
//! with the end of a line. A piece has at most [`MAX_PIECE`] bytes, so that writing it does not
//! block: if `poll` reports a pipe as writable, a page of it is free. That page holds the piece and
//! what std's buffer may hold before it (1 KiB), however many system calls that takes. A longer
//! line is one piece all the same. Writing it may block the thread (the P goes to another thread)
//! until the reader has read. `write!` formats its text first, and then writes it like any other.

use super::standard::run;
use gort_runtime::Direction;
use gort_sync::{Mutex, MutexGuard};
use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// Maximum size of a piece in bytes: a page less std's buffer.
const MAX_PIECE: usize = 4096 - 1024;

/// Returns the first piece of `buf`: the whole lines that fit into [`MAX_PIECE`], or one longer
/// line. If all of `buf` fits, or if it has no end of line, the piece is all of `buf`.
fn piece(buf: &[u8]) -> &[u8] {
    let newline = |&byte: &u8| byte == b'\n';
    let fitting = &buf[..buf.len().min(MAX_PIECE)];
    if fitting.len() == buf.len() {
        return buf;
    }
    let end = fitting
        .iter()
        .rposition(newline)
        .or_else(|| buf.iter().position(newline));
    &buf[..end.map_or(buf.len(), |at| at + 1)]
}

/// Writes all of `buf`, piece by piece. Returns how much was written, even if an error followed.
#[track_caller]
fn put<W: Write>(fd: BorrowedFd<'_>, buf: &[u8], lock: impl Fn() -> W) -> (usize, io::Result<()>) {
    let mut done = 0;
    while done < buf.len() {
        let end = done + piece(&buf[done..]).len();
        let result = run(fd, Direction::Write, || {
            let mut stream = lock();
            while done < end {
                match stream.write(&buf[done..end]) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(n) => done += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            Ok(())
        });
        if let Err(e) = result {
            return (done, Err(e));
        }
    }
    (done, Ok(()))
}

/// Defines one of the two streams, with its lock and its handle.
macro_rules! stream {
    (
        $(#[$about:meta])* $Stream:ident,
        $(#[$about_lock:meta])* $Lock:ident,
        $(#[$about_function:meta])* $function:ident,
        $fd:literal
    ) => {
        $(#[$about])*
        pub struct $Stream(());

        $(#[$about_lock])*
        pub struct $Lock<'a> {
            _turn: MutexGuard<'a, ()>,
        }

        $(#[$about_function])*
        #[must_use]
        pub fn $function() -> $Stream {
            $Stream(())
        }

        impl $Stream {
            /// Locks the stream against other users of gort's handles until the guard is dropped.
            /// Waits while another goroutine or thread holds the lock. The lock is not re-entrant.
            /// `println!` and `eprintln!` may still write between two writes.
            ///
            /// # Panics
            /// Panics in [`on_system_stack`](crate::on_system_stack), where nothing may wait.
            ///
            /// # Examples
            /// ```
            /// use std::io::Write;
            ///
            #[doc = concat!("let mut lines = gort::io::", stringify!($function), "().lock();")]
            /// lines.write_all(b"one\n")?;
            /// lines.write_all(b"two\n")?;
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[track_caller]
            pub fn lock(&self) -> $Lock<'static> {
                static TURN: Mutex<()> = Mutex::new(());
                $Lock { _turn: TURN.lock() }
            }
        }

        impl Write for $Lock<'_> {
            #[track_caller]
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                let stream = io::$function();
                match put(stream.as_fd(), buf, || stream.lock()) {
                    (0, Err(e)) => Err(e),
                    // The next call will get the error again.
                    (n, _) => Ok(n),
                }
            }

            #[track_caller]
            fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                let stream = io::$function();
                put(stream.as_fd(), buf, || stream.lock()).1
            }

            #[track_caller]
            fn write_fmt(&mut self, args: fmt::Arguments<'_>) -> io::Result<()> {
                match args.as_str() {
                    Some(text) => self.write_all(text.as_bytes()),
                    None => self.write_all(text_of(args)?.as_bytes()),
                }
            }

            #[track_caller]
            fn flush(&mut self) -> io::Result<()> {
                let stream = io::$function();
                run(stream.as_fd(), Direction::Write, || stream.lock().flush())
            }
        }

        impl Write for &$Stream {
            #[track_caller]
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.lock().write(buf)
            }

            #[track_caller]
            fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                self.lock().write_all(buf)
            }

            #[track_caller]
            fn write_fmt(&mut self, args: fmt::Arguments<'_>) -> io::Result<()> {
                // Format before locking: a `Display` may itself write to the stream.
                let text = text_of(args)?;
                self.lock().write_all(text.as_bytes())
            }

            #[track_caller]
            fn flush(&mut self) -> io::Result<()> {
                self.lock().flush()
            }
        }

        impl Write for $Stream {
            #[track_caller]
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&*self).write(buf)
            }

            #[track_caller]
            fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                (&*self).write_all(buf)
            }

            #[track_caller]
            fn write_fmt(&mut self, args: fmt::Arguments<'_>) -> io::Result<()> {
                (&*self).write_fmt(args)
            }

            #[track_caller]
            fn flush(&mut self) -> io::Result<()> {
                (&*self).flush()
            }
        }

        impl AsFd for $Stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                // SAFETY: std's handles present 0 to 2 as open for as long as the handles live, and
                // safe code can keep such a handle for ever.
                unsafe { BorrowedFd::borrow_raw($fd) }
            }
        }

        impl AsRawFd for $Stream {
            fn as_raw_fd(&self) -> RawFd {
                $fd
            }
        }

        impl fmt::Debug for $Stream {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Stream)).finish_non_exhaustive()
            }
        }

        impl fmt::Debug for $Lock<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Lock)).finish_non_exhaustive()
            }
        }
    };
}

/// Formats the text of a `write!`. Fails only if a `Display` fails.
fn text_of(args: fmt::Arguments<'_>) -> io::Result<String> {
    let mut text = String::new();
    fmt::Write::write_fmt(&mut text, args)
        .map_err(|_| io::Error::other("a formatting trait implementation returned an error"))?;
    Ok(text)
}

stream! {
    /// The standard output of the process: std's [`Stdout`](std::io::Stdout), except that waiting
    /// for room parks the goroutine. Go's `os.Stdout`, with a buffer.
    ///
    /// The buffer is std's: it is line-buffered, in order with `println!`, and flushed when the
    /// process ends. No line is torn or lost, whatever else writes at the same time. A line of more
    /// than 3 KiB may block its thread, as inside [`blocking`](crate::blocking). The descriptor
    /// never gets `O_NONBLOCK`. Each call asks the kernel whether there is room, so for many small
    /// writes use a `BufWriter`.
    ///
    /// # Errors
    /// Returns the system's error, for example `BrokenPipe` if the reader is gone, or
    /// `StorageFull`.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    /// use std::io::Write;
    ///
    /// let writers: Vec<_> = (0..4)
    ///     .map(|id| go!(move || writeln!(gort::io::stdout(), "writer {id} is done")))
    ///     .collect();
    /// for writer in writers {
    ///     writer.join().unwrap()?;
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    Stdout,
    /// The standard output, locked against other users of gort's handles. std's `StdoutLock`,
    /// except that it may move to another thread.
    ///
    /// # Examples
    /// ```
    /// use std::io::Write;
    ///
    /// let mut out = gort::io::stdout().lock();
    /// writeln!(out, "two lines")?;
    /// writeln!(out, "that stay together")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    StdoutLock,
    /// Returns a handle to the standard output of the process.
    ///
    /// # Examples
    /// ```
    /// use std::io::Write;
    ///
    /// let mut out = gort::io::stdout();
    /// write!(out, "and ")?;
    /// println!("in order");
    /// out.flush()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    stdout,
    1
}

stream! {
    /// The standard error of the process: std's [`Stderr`](std::io::Stderr), except that waiting
    /// for room parks the goroutine. Go's `os.Stderr`.
    ///
    /// It has no buffer. Otherwise it is like [`Stdout`].
    ///
    /// # Examples
    /// ```
    /// use std::io::Write;
    ///
    /// writeln!(gort::io::stderr(), "{} of {} done", 3, 4)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    Stderr,
    /// The standard error, locked against other users of gort's handles. std's `StderrLock`, except
    /// that it may move to another thread.
    ///
    /// # Examples
    /// ```
    /// use std::io::Write;
    ///
    /// gort::io::stderr().lock().write_all(b"a line\n")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    StderrLock,
    /// Returns a handle to the standard error of the process.
    ///
    /// # Examples
    /// ```
    /// use std::io::Write;
    ///
    /// gort::io::stderr().write_all(b"a line\n")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    stderr,
    2
}
