//! `Pollable`.

use super::mode::ready;
use super::source::Source;
use gort_runtime::{Direction, WaitReason};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// What to wait for.
///
/// ```
/// use gort::io::{Interest, Pollable};
/// use std::io::Write;
///
/// let (_reader, writer) = std::io::pipe()?;
/// let writer = Pollable::new(writer)?;
/// let written = writer.try_io(Interest::WRITABLE, |mut pipe| pipe.write(b"x"))?;
/// assert_eq!(written, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest(Direction);

impl Interest {
    /// There is something to read, or the end, or an error. The read deadline holds.
    pub const READABLE: Self = Self(Direction::Read);
    /// There is room for writing, or nobody who reads, or an error. The write deadline holds.
    pub const WRITABLE: Self = Self(Direction::Write);
}

/// A descriptor for which goroutines can wait. It is whatever [`AsFd`] gives: a pipe, an eventfd, a
/// timerfd, an inotify or pidfd descriptor, a terminal, a socket that gort has no type for. Go's
/// `os.File` does this for files that the kernel can poll; [`try_io`](Self::try_io) is the `Read` or
/// `Write` of its `SyscallConn`.
///
/// One goroutine may wait to read and another to write, by any reference (in an [`Arc`](std::sync::Arc),
/// say). Of several that want the same, each waits for the one before. Everything also works on plain threads, which it blocks.
///
/// # O_NONBLOCK
/// `new` sets it. The flag belongs to the open file: whoever has a duplicate of the descriptor, another process even,
/// sees it while the `Pollable` lives. [`into_inner`](Self::into_inner), [`get_mut`](Self::get_mut) and dropping put it
/// back as it was. The descriptors 0 to 2, which a process shares with those who started it, never get it:
/// there an operation first asks the kernel whether it would block.
///
/// # Examples
/// A counter of the kernel's, for which a library in C gave the descriptor:
///
/// ```
/// use gort::io::{Interest, Pollable};
/// use gort::prelude::*;
/// use std::fs::File;
/// use std::io::{Read, Write};
/// use std::os::fd::FromRawFd;
///
/// # mod library { pub(super) fn eventfd() -> i32 { unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) } } }
/// // SAFETY: it is a new descriptor, and nobody else's.
/// let counter = Pollable::new(unsafe { File::from_raw_fd(library::eventfd()) })?;
/// let count = go!(move || {
///     let mut bytes = [0; 8];
///     counter.try_io(Interest::READABLE, |mut file| file.read(&mut bytes))?;
///     Ok::<_, std::io::Error>(u64::from_ne_bytes(bytes))
/// });
/// # drop(count);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Pollable<T: AsFd> {
    source: Source<T>,
}

impl<T: AsFd> Pollable<T> {
    /// Has the runtime watch the descriptor, and the descriptor not block. Go's `os.NewFile`.
    ///
    /// # Errors
    /// `Unsupported` for what is never waited for: regular files and folders. `AlreadyExists` if the
    /// same descriptor is in a `Pollable`, or belongs to a socket of gort's; a duplicate is another one.
    /// Else the system's. The descriptor's flags are then as they were, and `inner` is dropped.
    ///
    /// # Examples
    /// ```
    /// use gort::io::Pollable;
    /// use std::io::ErrorKind;
    ///
    /// let file = std::fs::File::open("/proc/self/exe")?;
    /// assert_eq!(Pollable::new(file).unwrap_err().kind(), ErrorKind::Unsupported);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(inner: T) -> io::Result<Self> {
        let source = Source::any(inner)?;
        Ok(Self { source })
    }

    /// What the descriptor belongs to. Its operations do not wait: they fail with `WouldBlock`.
    ///
    /// # Examples
    /// ```
    /// use gort::io::Pollable;
    /// use std::io::{ErrorKind, Read};
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut reader = Pollable::new(reader)?;
    /// assert_eq!(reader.get_ref().read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// reader.get_mut(); // As it came; the next operation takes it in again.
    /// reader.into_inner();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn get_ref(&self) -> &T {
        self.source.inner()
    }

    /// What the descriptor belongs to, to be changed, or put in another's place. Meanwhile it is as it came, watched by
    /// nobody; the next operation that may wait takes in what it finds then, and fails if `new` would have.
    pub fn get_mut(&mut self) -> &mut T {
        self.source.inner_mut()
    }

    /// What the descriptor belongs to, which is as it came.
    pub fn into_inner(self) -> T {
        self.source.into_inner()
    }

    /// Waits until there is something to read, the end, or an error. Takes nothing: it is readable until
    /// somebody has read all there is.
    ///
    /// # Errors
    /// `TimedOut` from the read deadline on; `NotConnected` after `close`.
    ///
    /// # Panics
    /// In [`on_system_stack`](crate::on_system_stack), where nothing may wait.
    ///
    /// # Examples
    /// ```
    /// use gort::io::Pollable;
    /// use std::io::{Read, Write};
    ///
    /// let (reader, mut writer) = std::io::pipe()?;
    /// writer.write_all(b"ab")?;
    /// let reader = Pollable::new(reader)?;
    /// reader.readable()?;
    /// reader.get_ref().read_exact(&mut [0])?;
    /// reader.readable()?; // There is more.
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn readable(&self) -> io::Result<()> {
        self.wait(Direction::Read, WaitReason::Readable)
    }

    /// Waits until there is room for writing, nobody who would read, or an error.
    ///
    /// # Errors
    /// `TimedOut` from the write deadline on; `NotConnected` after `close`.
    ///
    /// # Panics
    /// In [`on_system_stack`](crate::on_system_stack), where nothing may wait.
    ///
    /// # Examples
    /// ```
    /// use gort::io::Pollable;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// Pollable::new(writer)?.writable()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn writable(&self) -> io::Result<()> {
        self.wait(Direction::Write, WaitReason::Writable)
    }

    #[track_caller]
    fn wait(&self, direction: Direction, reason: WaitReason) -> io::Result<()> {
        self.source
            .run_for(direction, reason, |inner| ready(inner.as_fd(), direction))
    }

    /// [`try_io`](Self::try_io) of something that is to be read; `reason` is what reports say while it waits.
    #[track_caller]
    pub(crate) fn try_io_for<R>(
        &self,
        reason: WaitReason,
        f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.run_for(Direction::Read, reason, f)
    }

    /// Calls `f` until its result is not `WouldBlock`, and gives that; between the calls it waits. Nothing
    /// that becomes ready meanwhile is missed. Go's `RawConn.Read` and `RawConn.Write`.
    ///
    /// `f` makes one attempt: a system call on this descriptor that tells by `WouldBlock` that it would have had to
    /// wait. While it runs nobody else is in a call of the same interest, so it must not make one itself
    /// (it would wait for itself), and should not wait for anything else.
    ///
    /// # Errors
    /// Those of `f` but `WouldBlock`; `TimedOut` from the deadline on; `NotConnected` after `close`.
    ///
    /// # Panics
    /// As `f` does; and in [`on_system_stack`](crate::on_system_stack), where nothing may wait.
    ///
    /// # Examples
    /// ```
    /// use gort::io::{Interest, Pollable};
    /// use std::io::{Read, Write};
    ///
    /// let (reader, mut writer) = std::io::pipe()?;
    /// writer.write_all(b"xyz")?;
    /// let reader = Pollable::new(reader)?;
    /// let mut byte = [0];
    /// reader.try_io(Interest::READABLE, |mut pipe| pipe.read(&mut byte))?;
    /// assert_eq!(&byte, b"x");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.run(interest.0, f)
    }

    /// From this moment on what waits to read fails with `TimedOut`, also if it waits already. Go's
    /// `SetReadDeadline`.
    ///
    /// # Errors
    /// `NotConnected` after `close`.
    ///
    /// # Examples
    /// ```
    /// use gort::io::Pollable;
    /// use std::io::ErrorKind;
    /// use std::time::{Duration, Instant};
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let reader = Pollable::new(reader)?;
    /// reader.set_read_deadline(Some(Instant::now() + Duration::from_millis(1)))?;
    /// assert_eq!(reader.readable().unwrap_err().kind(), ErrorKind::TimedOut);
    /// reader.set_write_deadline(None)?;
    /// reader.set_deadline(None)?; // Both.
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.source.set_deadline(Direction::Read, deadline)
    }

    /// From this moment on what waits to write fails with `TimedOut`, also if it waits already. Go's
    /// `SetWriteDeadline`.
    ///
    /// # Errors
    /// `NotConnected` after `close`.
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.source.set_deadline(Direction::Write, deadline)
    }

    /// Sets both deadlines. Go's `SetDeadline`.
    ///
    /// # Errors
    /// `NotConnected` after `close`.
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.set_read_deadline(deadline)?;
        self.set_write_deadline(deadline)
    }

    /// Whoever waits is woken, and operations fail with `NotConnected` from now on. The descriptor, which may be
    /// borrowed, stays open until what it belongs to closes it: often when the `Pollable` is dropped. Go's `Close`.
    ///
    /// # Examples
    /// ```
    /// use gort::io::Pollable;
    /// use gort::prelude::*;
    /// use std::sync::Arc;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let reader = Arc::new(Pollable::new(reader)?);
    /// let waits = go!(clone [reader]; { reader.readable() });
    /// reader.close();
    /// assert!(waits.join().unwrap().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn close(&self) {
        self.source.close();
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Pollable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pollable").field(self.get_ref()).finish()
    }
}

impl<T: AsFd> AsFd for Pollable<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> Read for &Pollable<T>
where
    for<'a> &'a T: Read,
{
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.source.read(buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.source.read_vectored(bufs)
    }
}

impl<T: AsFd> Write for &Pollable<T>
where
    for<'a> &'a T: Write,
{
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.source.write(buf)
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.source.write_vectored(bufs)
    }

    #[track_caller]
    fn flush(&mut self) -> io::Result<()> {
        self.source.run(Direction::Write, |mut inner| inner.flush())
    }
}

impl<T: AsFd> Read for Pollable<T>
where
    for<'a> &'a T: Read,
{
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.source.read(buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.source.read_vectored(bufs)
    }
}

impl<T: AsFd> Write for Pollable<T>
where
    for<'a> &'a T: Write,
{
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.source.write(buf)
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.source.write_vectored(bufs)
    }

    #[track_caller]
    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}
