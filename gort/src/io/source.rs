//! A non-blocking descriptor, with everything needed to wait for it.
//!
//! An operation is a system call that is tried at once, and again each time the poller reports that
//! the descriptor may be ready. The poller allows one user per direction at a time. A [`Side`] has
//! a mutex for that, which the next users wait for. When the descriptor is closed, or when its
//! deadline passes, the current user leaves, and the users behind it follow one after the other. An
//! operation's own limit (its time-out) also applies while it waits for its turn, because the user
//! before it may have no limit.
//!
//! If no edge announces that an operation can succeed, it is tried again after pauses that double
//! each time ([`Retry::Pauses`]).

use super::mode::{Mode, ready};
use gort_runtime::real::{deadline_after, nanos_of, now};
use gort_runtime::{Direction, Interrupted, MayWait, Nanos, PollDesc, WaitReason, blocking};
use gort_sync::{Mutex, MutexGuard};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The first and the longest pause of [`Retry::Pauses`], in nanoseconds.
const PAUSES: (Nanos, Nanos) = (100_000, 10_000_000);

/// The state of one direction.
#[derive(Debug)]
struct Side {
    turn: Mutex<()>,
    /// Time limit of an operation in nanoseconds; 0: no limit.
    timeout: AtomicU64,
}

impl Side {
    fn new() -> Self {
        Self {
            turn: Mutex::new(()),
            timeout: AtomicU64::new(0),
        }
    }

    fn limit(&self) -> Option<Nanos> {
        self.timeout().map(deadline_after)
    }

    fn timeout(&self) -> Option<Duration> {
        match self.timeout.load(Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }
}

/// What kind of descriptor a source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// A socket that the source owns: closing ends the connection.
    Socket,
    /// A descriptor that may be borrowed: closing leaves it open.
    Any,
}

/// When to repeat a call that would have blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// After the poller has seen an edge. Until then, reports give this reason.
    Edges(WaitReason),
    /// After a pause: the kernel does not announce the end of the wait.
    Pauses,
}

/// The way to retry for all operations that need no other.
pub(crate) const EDGES: Retry = Retry::Edges(WaitReason::IoWait);

/// A descriptor's owner `T`, with the state for waiting. All handles of a socket share it.
#[derive(Debug)]
pub(crate) struct Source<T: AsFd> {
    /// Declared before `inner`: it must be dropped while `inner` is open.
    desc: PollDesc,
    /// The descriptor's state before gort changed it, or the error of the attempt to change it.
    /// Empty after `inner_mut`, until the descriptor is used again.
    mode: OnceLock<Result<Mode, i32>>,
    read: Side,
    write: Side,
    /// Whether operations return `WouldBlock` instead of waiting.
    nonblocking: AtomicBool,
    /// Whether closing the file may block the thread.
    lingers: AtomicBool,
    family: Family,
    /// `None` only after `into_inner` has taken it.
    inner: Option<T>,
}

impl<T: AsFd> Source<T> {
    /// Creates a source for a new, non-blocking socket. Fails if the socket cannot be waited for.
    pub(crate) fn new_socket(inner: T) -> io::Result<Arc<Self>> {
        let source = Self::watched(inner, Family::Socket)?;
        source.refusal().map_or(Ok(()), Err)?;
        Ok(Arc::new(source.with_mode(Mode::Created)))
    }

    /// Creates a source for a user's descriptor. A failure leaves the descriptor unchanged.
    pub(super) fn any(inner: T) -> io::Result<Self> {
        let source = Self::watched(inner, Family::Any)?;
        source.refusal().map_or(Ok(()), Err)?;
        let mode = Mode::set_unless_standard(source.inner().as_fd())?;
        Ok(source.with_mode(mode))
    }

    /// Creates a source and registers its descriptor with the poller. If the kernel refuses to
    /// watch it, only the operations that would have to wait fail.
    fn watched(inner: T, family: Family) -> io::Result<Self> {
        // SAFETY: the descriptor stays open while it is watched. `inner` is declared after `desc`,
        // so it is dropped later. It is handed out by value only when `self` is gone
        // (`into_inner`), and as `&mut` only after `unwatch` (`inner_mut`). Otherwise its owner
        // keeps it open. Each direction has one user at a time: only `run_until` and its helper
        // `pause` call `prepare` and `wait`, while `run_until` holds the direction's `turn`.
        let desc = unsafe { PollDesc::new(inner.as_fd()) }?;
        Ok(Self {
            desc,
            mode: OnceLock::new(),
            read: Side::new(),
            write: Side::new(),
            nonblocking: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            family,
            inner: Some(inner),
        })
    }

    fn with_mode(self, mode: Mode) -> Self {
        // Cannot fail: `watched` leaves the cell empty.
        let _ = self.mode.set(Ok(mode));
        self
    }

    /// Returns the reason why the descriptor cannot be waited for, if there is one.
    fn refusal(&self) -> Option<io::Error> {
        self.desc.not_watched().map(refused)
    }

    /// Returns the descriptor's former state. If that is not known yet, makes the descriptor
    /// non-blocking and registers it first.
    fn mode(&self) -> io::Result<Mode> {
        let mode = self.mode.get_or_init(|| {
            let fd = self.inner().as_fd();
            // SAFETY: as in `watched`.
            unsafe { self.desc.watch(fd) };
            Mode::set_unless_standard(fd).map_err(|e| e.raw_os_error().unwrap_or(0))
        });
        (*mode).map_err(io::Error::from_raw_os_error)
    }

    /// Returns the descriptor's owner, for operations that never wait. Fails after `close`.
    pub(crate) fn get(&self) -> io::Result<&T> {
        if self.desc.is_closed() {
            return Err(self.closed());
        }
        Ok(self.inner())
    }

    /// Returns the descriptor's owner, whether closed or not.
    pub(crate) fn inner(&self) -> &T {
        self.inner.as_ref().expect("taken in `into_inner` only")
    }

    /// Unregisters the descriptor, restores its flags, and returns its owner for replacement.
    pub(super) fn inner_mut(&mut self) -> &mut T {
        self.desc.unwatch();
        self.restore_flags();
        self.inner.as_mut().expect("taken in `into_inner` only")
    }

    /// Restores the descriptor's flags, unregisters it, and returns its owner.
    pub(super) fn into_inner(mut self) -> T {
        self.restore_flags();
        self.inner.take().expect("taken here only")
    }

    /// Restores the descriptor's flags.
    fn restore_flags(&mut self) {
        let Some(Ok(mode)) = self.mode.take() else {
            return;
        };
        if let Some(inner) = &self.inner
            && !self.is_dead()
        {
            mode.undo(inner.as_fd());
        }
    }

    /// Returns whether the descriptor names the dead socket that all closed sockets share.
    fn is_dead(&self) -> bool {
        self.family == Family::Socket && self.desc.is_closed()
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Repeats `call` until it does not return `WouldBlock`.
    #[track_caller]
    pub(crate) fn run<R>(
        &self,
        direction: Direction,
        call: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.run_until(direction, self.limit(direction), EDGES, call)
    }

    /// Like [`run`](Self::run). While it waits, reports say `reason`.
    #[track_caller]
    pub(crate) fn run_for<R>(
        &self,
        direction: Direction,
        reason: WaitReason,
        call: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let limit = self.limit(direction);
        self.run_until(direction, limit, Retry::Edges(reason), call)
    }

    /// Returns the limit of an operation that begins now.
    pub(crate) fn limit(&self, direction: Direction) -> Option<Nanos> {
        self.side(direction).limit()
    }

    /// Like [`run`](Self::run), with an explicit limit instead of the time-out.
    #[track_caller]
    pub(crate) fn run_until<R>(
        &self,
        direction: Direction,
        limit: Option<Nanos>,
        retry: Retry,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let waits = !self.nonblocking.load(Relaxed);
        let _turn = self.turn(direction, waits, limit)?;
        self.desc
            .prepare(direction)
            .map_err(|why| self.error(why))?;
        let may_block = self.mode()? == Mode::Unchanged;
        let mut pause = PAUSES.0;
        loop {
            let inner = self.inner();
            // If the descriptor may block, ask first. Another process may still take the data or
            // the room before `call`.
            let asked = if may_block {
                ready(inner.as_fd(), direction)
            } else {
                Ok(())
            };
            match asked.and_then(|()| not_inlined(|| call(inner))) {
                Err(e) if waits && e.kind() == io::ErrorKind::WouldBlock => {}
                // Then the error may come from the dead socket that has replaced the closed one.
                Err(_) if self.desc.is_closed() => return Err(self.closed()),
                result => return result,
            }
            match retry {
                Retry::Edges(reason) => self.desc.wait(direction, limit, reason),
                Retry::Pauses => self.pause(direction, limit, pause),
            }
            .map_err(|why| self.error(why))?;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Waits for `pause` nanoseconds, and ignores edges: an attempt to send causes edges itself.
    #[track_caller]
    fn pause(
        &self,
        direction: Direction,
        limit: Option<Nanos>,
        pause: Nanos,
    ) -> Result<(), Interrupted> {
        let limit = limit.unwrap_or(Nanos::MAX);
        let until = now().saturating_add(pause).min(limit);
        loop {
            match self.desc.wait(direction, Some(until), WaitReason::IoWait) {
                Ok(()) => {}
                // The pause has ended or the deadline has passed; `prepare` checks which.
                Err(Interrupted::TimedOut) if now() < limit => return self.desc.prepare(direction),
                Err(why) => return Err(why),
            }
        }
    }

    /// Acquires the right to be the direction's user.
    #[track_caller]
    fn turn(
        &self,
        direction: Direction,
        waits: bool,
        limit: Option<Nanos>,
    ) -> io::Result<MutexGuard<'_, ()>> {
        let turn = &self.side(direction).turn;
        if waits {
            let _ = MayWait::check(WaitReason::IoWait);
        }
        if let Ok(guard) = turn.try_lock() {
            return Ok(guard);
        }
        match limit {
            _ if !waits => Err(io::ErrorKind::WouldBlock.into()),
            None => Ok(turn.lock()),
            Some(limit) => {
                let rest = Duration::from_nanos(limit.saturating_sub(now()));
                turn.lock_timeout(rest)
                    .map_err(|_| self.error(Interrupted::TimedOut))
            }
        }
    }

    pub(crate) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.get()?;
        self.nonblocking.store(nonblocking, Relaxed);
        Ok(())
    }

    pub(crate) fn timeout(&self, direction: Direction) -> io::Result<Option<Duration>> {
        self.get()?;
        Ok(self.side(direction).timeout())
    }

    pub(crate) fn set_timeout(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.get()?;
        if timeout == Some(Duration::ZERO) {
            return Err(zero_timeout());
        }
        let nanos = timeout.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
        self.side(direction).timeout.store(nanos, Relaxed);
        Ok(())
    }

    pub(crate) fn set_deadline(
        &self,
        direction: Direction,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        self.desc
            .set_deadline(direction, deadline.map(nanos_of))
            .map_err(|why| self.error(why))
    }

    /// Sets whether closing the file may block the thread.
    pub(crate) fn set_lingers(&self, lingers: bool) {
        self.lingers.store(lingers, Relaxed);
    }

    pub(crate) fn close(&self) {
        match self.family {
            Family::Socket if self.lingers.load(Relaxed) => blocking(|| self.desc.close()),
            Family::Socket => self.desc.close(),
            Family::Any => drop(self.desc.end()),
        }
    }

    fn closed(&self) -> io::Error {
        let text = match self.family {
            Family::Socket => "use of closed network connection",
            Family::Any => "use of a closed `Pollable`",
        };
        io::Error::new(io::ErrorKind::NotConnected, text)
    }

    fn error(&self, interrupted: Interrupted) -> io::Error {
        match interrupted {
            Interrupted::Closed => self.closed(),
            Interrupted::TimedOut => io::Error::new(io::ErrorKind::TimedOut, "i/o timeout"),
            Interrupted::NotWatched(errno) => refused(errno),
        }
    }
}

impl<T: AsFd> Drop for Source<T> {
    fn drop(&mut self) {
        if self.lingers.load(Relaxed) {
            self.close();
        }
        self.restore_flags();
    }
}

impl<T: AsFd> Source<T>
where
    for<'a> &'a T: Read,
{
    #[track_caller]
    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return self.get().map(|_| 0);
        }
        self.run(Direction::Read, |mut inner| inner.read(buf))
    }

    #[track_caller]
    pub(crate) fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return self.get().map(|_| 0);
        }
        self.run(Direction::Read, |mut inner| inner.read_vectored(bufs))
    }
}

impl<T: AsFd> Source<T>
where
    for<'a> &'a T: Write,
{
    #[track_caller]
    pub(crate) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return self.get().map(|_| 0);
        }
        self.run(Direction::Write, |mut inner| inner.write(buf))
    }

    #[track_caller]
    pub(crate) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return self.get().map(|_| 0);
        }
        self.run(Direction::Write, |mut inner| inner.write_vectored(bufs))
    }
}

impl<T: AsFd + From<OwnedFd>> Source<T> {
    /// Takes over a std socket.
    ///
    /// # Panics
    /// Panics if the descriptor cannot be used as a socket.
    #[track_caller]
    pub(crate) fn from_std(inner: T) -> Arc<Self> {
        let adopted = Mode::set(inner.as_fd()).and_then(|mode| {
            let source = Self::watched(inner, Family::Socket)?;
            Ok(Arc::new(source.with_mode(mode)))
        });
        match adopted {
            Ok(source) => source,
            Err(e) => panic!("this descriptor cannot be used as a socket: {e}"),
        }
    }

    /// Converts the source back to a std socket. The socket blocks, unless it was non-blocking when
    /// gort took it over, or other handles exist.
    ///
    /// # Panics
    /// Panics if other handles exist and the process has no descriptor left for a duplicate.
    #[track_caller]
    pub(crate) fn into_std(self: Arc<Self>) -> T {
        match Arc::try_unwrap(self) {
            Ok(source) => {
                if let (Some(Ok(mode)), false) = (source.mode.get(), source.is_dead()) {
                    mode.hand_over(source.inner().as_fd());
                }
                source.into_inner()
            }
            Err(shared) => match shared.inner().as_fd().try_clone_to_owned() {
                Ok(fd) => T::from(fd),
                Err(e) => panic!("cannot duplicate the descriptor of a shared socket: {e}"),
            },
        }
    }
}

/// Returns std's error for a time-out of zero.
pub(crate) fn zero_timeout() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "cannot set a 0 duration timeout",
    )
}

/// Converts the kernel's refusal to watch a descriptor into an error.
fn refused(errno: i32) -> io::Error {
    match errno {
        libc::EPERM => io::Error::new(
            io::ErrorKind::Unsupported,
            "this kind of file cannot be waited for: regular files and folders are always ready",
        ),
        libc::EEXIST => io::Error::new(
            io::ErrorKind::AlreadyExists,
            "this descriptor is waited for already, by a `Pollable` or a socket",
        ),
        errno => io::Error::from_raw_os_error(errno),
    }
}

/// Makes a system call in a function of its own. `errno` is a thread-local, and its address must
/// not be kept across a wait, after which the goroutine may run on another thread.
#[inline(never)]
pub(super) fn not_inlined<T>(call: impl FnOnce() -> T) -> T {
    call()
}
