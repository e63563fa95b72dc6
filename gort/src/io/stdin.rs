//! `stdin`.

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
    // SAFETY: std's handles give 0 to 2 out as open for as long as they live, and anybody can have one for ever.
    unsafe { BorrowedFd::borrow_raw(0) }
}

/// One system call. What has been closed gives nothing, as std's `stdin`.
fn read_once(buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and the length are those of `buf`, which is ours alone during the call.
    let n = unsafe { libc::read(0, buf.as_mut_ptr().cast(), buf.len()) };
    usize::try_from(n).or_else(|_| match io::Error::last_os_error() {
        e if e.raw_os_error() == Some(libc::EBADF) => Ok(0),
        e => Err(e),
    })
}

/// One buffer for the process. Its lock is gort's, and so may be held over a wait.
static BUFFER: LazyLock<Mutex<BufReader<Unbuffered>>> =
    LazyLock::new(|| Mutex::new(BufReader::new(Unbuffered)));

/// The standard input of the process: std's [`Stdin`](std::io::Stdin), but who waits parks the goroutine. Go's `os.Stdin`,
/// with a buffer.
///
/// All handles share one buffer, which is not the one of `std::io::stdin`: what is in the one the other does not
/// see, so a program uses one of the two. The descriptor stays as it came: it never gets `O_NONBLOCK`, which other processes
/// would notice. A goroutine that waits here does not keep the process from ending.
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

/// The standard input, locked; others wait for it meanwhile. std's `StdinLock`, but it may go to another thread.
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

/// The standard input of the process, for which goroutines can wait.
///
/// # Examples
/// The sum of the numbers that are typed, one a line:
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
    /// Keeps others out until the guard is dropped, and gives what `BufRead` offers. Waits while others have it; it is
    /// not re-entrant.
    ///
    /// # Panics
    /// In [`on_system_stack`](crate::on_system_stack), where nothing may wait.
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

    /// Appends the next line, its newline included, and gives its length in bytes; 0 at the end.
    ///
    /// # Errors
    /// The system's; `InvalidData` for what is no UTF-8.
    ///
    /// # Panics
    /// In [`on_system_stack`](crate::on_system_stack), where nothing may wait.
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

    /// The lines that are left, without their newlines. Others are kept out until the iterator is dropped.
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
