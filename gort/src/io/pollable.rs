//! [`Pollable`].

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
    /// Waits for data, the end, or an error. The read deadline applies.
    pub const READABLE: Self = Self(Direction::Read);
    /// Waits until there is room for writing, the reader is gone, or there is an error. The write
    /// deadline applies.
    pub const WRITABLE: Self = Self(Direction::Write);
}

/// A descriptor that goroutines can wait for. It can be anything that implements [`AsFd`]: a pipe,
/// an eventfd, a timerfd, an inotify or pidfd descriptor, a terminal, or a socket that gort has no
/// type for. Go's `os.File` does this for files that the kernel can poll; [`try_io`](Self::try_io)
/// is the `Read` or `Write` of its `SyscallConn`.
///
/// One goroutine may wait to read while another waits to write, through any reference (for example
/// in an [`Arc`](std::sync::Arc)). Several goroutines with the same interest take turns. Everything
/// also works on plain threads, where it blocks the thread.
///
/// # O_NONBLOCK
/// `new` sets this flag. The flag belongs to the open file, so while the `Pollable` lives, every
/// owner of a duplicate of the descriptor sees it, even in another process.
/// [`into_inner`](Self::into_inner), [`get_mut`](Self::get_mut) and dropping the `Pollable` restore
/// the flag. gort never sets it on the descriptors 0 to 2, which a process shares with its parent.
/// Operations on those ask the kernel first whether they would block.
///
/// # Examples
/// A counter in the kernel, whose descriptor comes from a C library:
///
/// ```
/// use gort::io::{Interest, Pollable};
/// use gort::prelude::*;
/// use std::fs::File;
/// use std::io::{Read, Write};
/// use std::os::fd::FromRawFd;
///
/// # mod library {
/// #     pub(super) fn eventfd() -> i32 { unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) } }
/// # }
/// // SAFETY: the descriptor is new, and nothing else owns it.
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
    /// Creates a `Pollable`: makes the descriptor non-blocking, and registers it with the runtime.
    /// Go's `os.NewFile`.
    ///
    /// # Errors
    /// Returns `Unsupported` for regular files and directories, which cannot be waited for. Returns
    /// `AlreadyExists` if the same descriptor is already in a `Pollable` or belongs to a gort
    /// socket (a duplicate counts as a different descriptor). Otherwise returns the system's error.
    /// On an error the descriptor's flags are unchanged, and `inner` is dropped.
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

    /// Returns a reference to the descriptor's owner. Its operations do not wait: they fail with
    /// `WouldBlock`.
    ///
    /// # Examples
    /// ```
    /// use gort::io::Pollable;
    /// use std::io::{ErrorKind, Read};
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut reader = Pollable::new(reader)?;
    /// assert_eq!(reader.get_ref().read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// reader.get_mut(); // Restores the flags; the next operation sets them again.
    /// reader.into_inner();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn get_ref(&self) -> &T {
        self.source.inner()
    }

    /// Returns a mutable reference to the descriptor's owner, so that you can change or replace it.
    ///
    /// Restores the descriptor's flags and unregisters it. The next operation that may wait
    /// registers the descriptor that it finds then, and fails where `new` would fail.
    pub fn get_mut(&mut self) -> &mut T {
        self.source.inner_mut()
    }

    /// Returns the descriptor's owner, and restores the descriptor's flags.
    pub fn into_inner(self) -> T {
        self.source.into_inner()
    }

    /// Waits until there are data to read, the end, or an error. It reads nothing, so the
    /// descriptor stays readable until all data have been read.
    ///
    /// # Errors
    /// Returns `TimedOut` from the read deadline on, or `NotConnected` after `close`.
    ///
    /// # Panics
    /// Panics in [`on_system_stack`](crate::on_system_stack), where nothing may wait.
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

    /// Waits until there is room for writing, the reader is gone, or there is an error.
    ///
    /// # Errors
    /// Returns `TimedOut` from the write deadline on, or `NotConnected` after `close`.
    ///
    /// # Panics
    /// Panics in [`on_system_stack`](crate::on_system_stack), where nothing may wait.
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

    /// Like [`try_io`](Self::try_io) for reading. While it waits, reports say `reason`.
    #[track_caller]
    pub(crate) fn try_io_for<R>(
        &self,
        reason: WaitReason,
        f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.run_for(Direction::Read, reason, f)
    }

    /// Calls `f` until its result is not `WouldBlock`, and returns that result. Between the calls
    /// it waits until the descriptor is ready; it does not miss a readiness that arises between a
    /// call and the wait. Go's `RawConn.Read` and `RawConn.Write`.
    ///
    /// `f` makes one attempt: a system call on this descriptor that returns `WouldBlock` instead of
    /// waiting. While `f` runs, no other call with the same interest runs. So `f` must not make
    /// such a call itself (it would wait for itself), and should not wait for anything else.
    ///
    /// # Errors
    /// Returns each error of `f` other than `WouldBlock`. Also returns `TimedOut` from the deadline
    /// on, and `NotConnected` after `close`.
    ///
    /// # Panics
    /// Panics if `f` panics, and in [`on_system_stack`](crate::on_system_stack), where nothing may
    /// wait.
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

    /// Sets the moment from which waiting to read fails with `TimedOut`, also for a goroutine that
    /// already waits. `None` removes it. Go's `SetReadDeadline`.
    ///
    /// # Errors
    /// Returns `NotConnected` after `close`.
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

    /// Sets the moment from which waiting to write fails with `TimedOut`, also for a goroutine that
    /// already waits. `None` removes it. Go's `SetWriteDeadline`.
    ///
    /// # Errors
    /// Returns `NotConnected` after `close`.
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.source.set_deadline(Direction::Write, deadline)
    }

    /// Sets both deadlines. Go's `SetDeadline`.
    ///
    /// # Errors
    /// Returns `NotConnected` after `close`.
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.set_read_deadline(deadline)?;
        self.set_write_deadline(deadline)
    }

    /// Wakes all goroutines that wait. From then on operations fail with `NotConnected`. Go's
    /// `Close`.
    ///
    /// The descriptor may be borrowed, so it stays open until its owner closes it: often when the
    /// `Pollable` is dropped.
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
