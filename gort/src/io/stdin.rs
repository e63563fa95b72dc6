//! [`Stdin`].

use super::standard::run;
use gort_runtime::Direction;
use gort_sync::{Mutex, MutexGuard};
use std::fmt;
use std::io::{self, BufRead, BufReader, IoSliceMut, Lines, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::LazyLock;

/// The descriptor 0, without a buffer.
struct Unbuffered;

impl Read for Unbuffered {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        run(descriptor(), Direction::Read, || read_once(buf))
    }
}

fn descriptor() -> BorrowedFd<'static> {
    // SAFETY: std's handles present 0 to 2 as open for as long as the handles live, and safe code
    // can keep such a handle for ever.
    unsafe { BorrowedFd::borrow_raw(0) }
}

/// Makes one system call. If the descriptor has been closed it returns 0, like std's `stdin`.
fn read_once(buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and the length are those of `buf`, which is borrowed exclusively.
    let n = unsafe { libc::read(0, buf.as_mut_ptr().cast(), buf.len()) };
    usize::try_from(n).or_else(|_| match io::Error::last_os_error() {
        e if e.raw_os_error() == Some(libc::EBADF) => Ok(0),
        e => Err(e),
    })
}

/// The buffer, one for the process. Its lock is gort's, so it may be held across a wait.
static BUFFER: LazyLock<Mutex<BufReader<Unbuffered>>> =
    LazyLock::new(|| Mutex::new(BufReader::new(Unbuffered)));

/// The standard input of the process: std's [`Stdin`](std::io::Stdin), except that waiting for
/// input parks the goroutine. Go's `os.Stdin`, with a buffer.
///
/// All handles share one buffer, which is not the buffer of `std::io::stdin`. Neither sees what is
/// in the other, so a program should use only one of the two. gort never sets `O_NONBLOCK` on the
/// descriptor, which other processes would notice. A goroutine that waits here does not keep the
/// process from ending.
///
/// # Examples
/// ```
/// use std::io::Read;
///
/// let mut text = String::new();
/// gort::io::stdin().take(0).read_to_string(&mut text)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Stdin(());

/// The standard input, locked. std's `StdinLock`, except that it may move to another thread.
///
/// # Examples
/// ```no_run
/// use std::io::BufRead;
///
/// let mut input = gort::io::stdin().lock();
/// let mut word = Vec::new();
/// input.read_until(b' ', &mut word)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct StdinLock<'a>(MutexGuard<'a, BufReader<Unbuffered>>);

/// Returns a handle to the standard input of the process.
///
/// # Examples
/// Adds the numbers that the user types, one per line:
///
/// ```no_run
/// let mut sum = 0;
/// for line in gort::io::stdin().lines() {
///     sum += line?.trim().parse::<i64>().unwrap_or(0);
/// }
/// println!("{sum}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn stdin() -> Stdin {
    Stdin(())
}

impl Stdin {
    /// Locks the standard input until the guard is dropped. The guard implements `BufRead`. Waits
    /// while another goroutine or thread holds the lock. The lock is not re-entrant.
    ///
    /// # Panics
    /// Panics in [`on_system_stack`](crate::on_system_stack), where nothing may wait.
    ///
    /// # Examples
    /// ```no_run
    /// use std::io::BufRead;
    ///
    /// let empty = gort::io::stdin().lock().fill_buf()?.is_empty();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn lock(&self) -> StdinLock<'static> {
        StdinLock(BUFFER.lock())
    }

    /// Appends the next line to `buf`, including its newline, and returns its length in bytes.
    /// Returns 0 at the end of the input.
    ///
    /// # Errors
    /// Returns the system's error, or `InvalidData` if the line is not UTF-8.
    ///
    /// # Panics
    /// Panics in [`on_system_stack`](crate::on_system_stack), where nothing may wait.
    ///
    /// # Examples
    /// ```no_run
    /// let mut name = String::new();
    /// gort::io::stdin().read_line(&mut name)?;
    /// println!("Hello, {}!", name.trim());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn read_line(&self, buf: &mut String) -> io::Result<usize> {
        self.lock().read_line(buf)
    }

    /// Returns an iterator over the remaining lines, without their newlines. It holds the lock
    /// until it is dropped.
    ///
    /// # Examples
    /// ```no_run
    /// let words: usize = gort::io::stdin()
    ///     .lines()
    ///     .map_while(Result::ok)
    ///     .map(|line| line.split_whitespace().count())
    ///     .sum();
    /// ```
    #[track_caller]
    pub fn lines(self) -> Lines<StdinLock<'static>> {
        self.lock().lines()
    }
}

impl Read for &Stdin {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.lock().read_vectored(bufs)
    }

    #[track_caller]
    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.lock().read_to_end(buf)
    }

    #[track_caller]
    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        self.lock().read_to_string(buf)
    }

    #[track_caller]
    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.lock().read_exact(buf)
    }
}

impl Read for Stdin {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }

    #[track_caller]
    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buf)
    }

    #[track_caller]
    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buf)
    }

    #[track_caller]
    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        (&*self).read_exact(buf)
    }
}

impl Read for StdinLock<'_> {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.read_vectored(bufs)
    }
}

impl BufRead for StdinLock<'_> {
    #[track_caller]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        descriptor()
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        0
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}

impl fmt::Debug for StdinLock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdinLock").finish_non_exhaustive()
    }
}
