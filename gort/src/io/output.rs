//! `stdout` and `stderr`.
//!
//! What is written goes through std's `stdout`, so through its buffer: the order beside `println!` is that of the calls,
//! and what is left is flushed when the process ends, as std does.
//!
//! # Two locks
//! *Std's* belongs to a thread, and lets the same thread in twice. Goroutines share threads: one that parked with it
//! held would let the next one on that thread into the middle of its line, and could itself go on elsewhere and leave a lock that
//! is another thread's. So it is taken and left inside the closure of one [`run`](super::standard::run), in which nothing
//! parks. *Ours* (`TURN`) is gort's mutex, held over a whole `write_all` or `write!`, waits included. Ours is
//! always taken first, and who has std's (`println!`, plain threads) never asks for ours; so nobody waits in a circle.
//!
//! # Whole lines
//! Between two pieces of one write those may come who have only std's lock. So a piece ends with a line. It has [`ROOM`]
//! bytes at most, so that it does not block: where `poll` finds a pipe writable, a page of it is free, and that holds a piece
//! and what std's buffer may hold before it (1 KiB), in however many system calls. A line that is longer is one
//! piece all the same, and may block its thread (not its P) until somebody has read.
//! `write!` makes its text first, and then writes it like any other.

use super::standard::run;
use gort_runtime::Direction;
use gort_sync::{Mutex, MutexGuard};
use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// The bytes of a piece: a page less std's buffer.
const ROOM: usize = 4096 - 1024;

/// The first piece of `buf`: the lines that find room, or one that does not, or what has no end of line.
fn piece(buf: &[u8]) -> &[u8] {
    let newline = |&byte: &u8| byte == b'\n';
    let fitting = &buf[..buf.len().min(ROOM)];
    if fitting.len() == buf.len() {
        return buf;
    }
    let end = fitting
        .iter()
        .rposition(newline)
        .or_else(|| buf.iter().position(newline));
    &buf[..end.map_or(buf.len(), |at| at + 1)]
}

/// Writes all of `buf`, piece by piece. The first number is what has been written, also before an error.
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

/// One of the two, and its lock and handle.
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
            /// Keeps other users of gort's handles out until the guard is dropped; `println!` and `eprintln!` may come between
            /// two writes. Waits while others have it; it is not re-entrant.
            ///
            /// # Panics
            /// In [`on_system_stack`](crate::on_system_stack), where nothing may wait.
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
                    // After an error the next call meets it again.
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
                // What is shown may itself write.
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
                // SAFETY: std's handles give 0 to 2 out as open for as long as they live, and anybody can have one for
                // ever.
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

/// What `write!` is to write. An error only if a `Display` gives one.
fn text_of(args: fmt::Arguments<'_>) -> io::Result<String> {
    let mut text = String::new();
    fmt::Write::write_fmt(&mut text, args)
        .map_err(|_| io::Error::other("a formatting trait implementation returned an error"))?;
    Ok(text)
}

stream! {
    /// The standard output of the process: std's [`Stdout`](std::io::Stdout), but who waits for room parks the goroutine.
    /// Go's `os.Stdout`, with a buffer.
    ///
    /// The buffer is std's: line by line, in order with `println!`, flushed when the process ends. Of lines none is torn or
    /// lost, whoever writes beside; one of more than 3 KiB may block its thread, as inside [`blocking`](crate::blocking).
    /// The descriptor never gets `O_NONBLOCK`. Each call asks the kernel whether there is room, so many small
    /// ones are better made on a `BufWriter`.
    ///
    /// # Errors
    /// The system's: `BrokenPipe` if nobody reads any more, `StorageFull`.
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
    /// The standard output, locked against other users of gort's. std's `StdoutLock`, but it may go to another thread.
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
    /// The standard output of the process, for whose room goroutines can wait.
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
    /// The standard error of the process: std's [`Stderr`](std::io::Stderr), but who waits for room parks the goroutine.
    /// Go's `os.Stderr`.
    ///
    /// Without a buffer. Else it is as [`Stdout`].
    ///
    /// # Examples
    /// ```
    /// use std::io::Write;
    ///
    /// writeln!(gort::io::stderr(), "{} of {} done", 3, 4)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    Stderr,
    /// The standard error, locked against other users of gort's. std's `StderrLock`, but it may go to another thread.
    ///
    /// # Examples
    /// ```
    /// use std::io::Write;
    ///
    /// gort::io::stderr().lock().write_all(b"a line\n")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    StderrLock,
    /// The standard error of the process, for whose room goroutines can wait.
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
