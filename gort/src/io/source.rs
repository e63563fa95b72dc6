//! A descriptor that does not block, with what it takes to wait for it.
//!
//! An operation is a system call that is tried at once, and again each time the poller says
//! that it is worth it. Per direction there is one user at a time (that is the poller's
//! rule): a [`Side`] has a lock for it, which others wait for as for any mutex. When the
//! descriptor is closed, or its deadline passes, the user leaves, and those behind it follow
//! one after the other. A limit that is one operation's own (its time-out) holds while that waits
//! for its turn as well: the user before it may have none.
//!
//! What cannot be waited for by an edge is tried again after pauses that double ([`Retry::Pauses`]).

use super::mode::{Mode, ready};
use gort_runtime::real::{deadline_after, nanos_of, now};
use gort_runtime::{Direction, Interrupted, MayWait, Nanos, PollDesc, WaitReason, blocking};
use gort_sync::{Mutex, MutexGuard};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The first pause of an operation that no edge ends, in nanoseconds, and the longest.
const PAUSES: (Nanos, Nanos) = (100_000, 10_000_000);

/// What belongs to one direction.
#[derive(Debug)]
struct Side {
    turn: Mutex<()>,
    /// Nanoseconds that an operation may take; 0: as long as it takes.
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

/// Whose descriptors a source may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// The source owns a socket: closing ends the connection.
    Socket,
    /// The descriptor may be borrowed: closing leaves it alone.
    Any,
}

/// When a call that would have blocked is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// When the poller has seen an edge; until then, reports say this.
    Edges(WaitReason),
    /// After a while: the kernel does not announce what ends the wait.
    Pauses,
}

/// What all do that need not do otherwise.
pub(crate) const EDGES: Retry = Retry::Edges(WaitReason::IoWait);

/// A descriptor's owner `T`. All handles share one.
#[derive(Debug)]
pub(crate) struct Source<T: AsFd> {
    /// Before `inner`: it must be dropped while that is open.
    desc: PollDesc,
    /// How the descriptor was, or the error that stopped us from changing it. Empty after `inner_mut`, until the
    /// descriptor that there is then is used.
    mode: OnceLock<Result<Mode, i32>>,
    read: Side,
    write: Side,
    /// Operations do not wait.
    nonblocking: AtomicBool,
    /// Closing the file may block the thread.
    lingers: AtomicBool,
    family: Family,
    /// `None` only in `into_inner`.
    inner: Option<T>,
}

impl<T: AsFd> Source<T> {
    /// A socket that was just made, and told not to block. An error if it cannot be waited for.
    pub(crate) fn made(inner: T) -> io::Result<Arc<Self>> {
        let source = Self::watched(inner, Family::Socket)?;
        source.refusal().map_or(Ok(()), Err)?;
        Ok(Arc::new(source.with_mode(Mode::Made)))
    }

    /// Any descriptor, from the outside. An error if it cannot be waited for; then it is as it was.
    pub(super) fn any(inner: T) -> io::Result<Self> {
        let source = Self::watched(inner, Family::Any)?;
        source.refusal().map_or(Ok(()), Err)?;
        let mode = Mode::set_unless_standard(source.inner().as_fd())?;
        Ok(source.with_mode(mode))
    }

    /// If the kernel would not watch it, those operations fail that would have to wait.
    fn watched(inner: T, family: Family) -> io::Result<Self> {
        // SAFETY: the descriptor stays open: `inner` lies behind `desc` in the struct, so it is dropped later; who gets it by
        // value gets it when `self` has gone (`into_inner`), and by `&mut` after `unwatch` (`inner_mut`); without that its
        // owner keeps it open. Of each direction there is one user at a time: `run_until` alone calls `prepare` and `wait`,
        // and holds the direction's `turn` meanwhile.
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
        // It was empty.
        let _ = self.mode.set(Ok(mode));
        self
    }

    /// Why the descriptor cannot be waited for.
    fn refusal(&self) -> Option<io::Error> {
        self.desc.not_watched().map(refused)
    }

    /// How the descriptor was, after which it does not block and is watched.
    fn mode(&self) -> io::Result<Mode> {
        let mode = self.mode.get_or_init(|| {
            let fd = self.inner().as_fd();
            // SAFETY: as in `watched`.
            unsafe { self.desc.watch(fd) };
            Mode::set_unless_standard(fd).map_err(|e| e.raw_os_error().unwrap_or(0))
        });
        (*mode).map_err(io::Error::from_raw_os_error)
    }

    /// The descriptor's owner, for what never waits.
    pub(crate) fn get(&self) -> io::Result<&T> {
        if self.desc.is_closed() {
            return Err(self.closed());
        }
        Ok(self.inner())
    }

    /// The descriptor's owner, whether closed or not.
    pub(crate) fn inner(&self) -> &T {
        self.inner.as_ref().expect("taken in `into_inner` only")
    }

    /// The descriptor's owner, who may be put out of place: the descriptor is left as it came.
    pub(super) fn inner_mut(&mut self) -> &mut T {
        self.desc.unwatch();
        self.let_go();
        self.inner.as_mut().expect("taken in `into_inner` only")
    }

    /// The descriptor's owner; the descriptor is as it came, and watched by nobody when this returns.
    pub(super) fn into_inner(mut self) -> T {
        self.let_go();
        self.inner.take().expect("taken here only")
    }

    /// Does not keep the descriptor from blocking any more.
    fn let_go(&mut self) {
        let Some(Ok(mode)) = self.mode.take() else {
            return;
        };
        if let Some(inner) = &self.inner
            && !self.is_dead()
        {
            mode.undo(inner.as_fd());
        }
    }

    /// The descriptor names a dead socket, which is everybody's.
    fn is_dead(&self) -> bool {
        self.family == Family::Socket && self.desc.is_closed()
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Tries `call` until it would not block.
    #[track_caller]
    pub(crate) fn run<R>(
        &self,
        direction: Direction,
        call: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.run_until(direction, self.limit(direction), EDGES, call)
    }

    /// The same; `reason` is what reports say while it waits.
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

    /// When an operation that begins now must be over.
    pub(crate) fn limit(&self, direction: Direction) -> Option<Nanos> {
        self.side(direction).limit()
    }

    /// The same, with another limit than the time-out.
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
        let left = self.mode()? == Mode::Left;
        let mut pause = PAUSES.0;
        loop {
            let inner = self.inner();
            // Whom `call` would block is asked for first; somebody else may still take what there is.
            let asked = if left {
                ready(inner.as_fd(), direction)
            } else {
                Ok(())
            };
            match asked.and_then(|()| apart(|| call(inner))) {
                Err(e) if waits && e.kind() == io::ErrorKind::WouldBlock => {}
                // What the call found in the place of the socket is no news.
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

    /// Waits for so many nanoseconds, whatever edges there are: an attempt to send makes some itself.
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
                // It may be the deadline.
                Err(Interrupted::TimedOut) if now() < limit => return self.desc.prepare(direction),
                Err(why) => return Err(why),
            }
        }
    }

    /// The right to be the direction's user.
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

    /// Whether closing the file may block the thread from now on.
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
        self.let_go();
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
    /// Takes over a socket of std's.
    ///
    /// # Panics
    /// If it is none that can be used.
    #[track_caller]
    pub(crate) fn from_std(inner: T) -> Arc<Self> {
        let adopted = Mode::set(inner.as_fd()).and_then(|mode| {
            let source = Self::watched(inner, Family::Socket)?;
            Ok(Arc::new(source.with_mode(mode)))
        });
        match adopted {
            Ok(source) => source,
            Err(e) => panic!("a descriptor that cannot be used as a socket: {e}"),
        }
    }

    /// std's socket again: one that blocks, unless it came as one that does not, or there are other handles.
    ///
    /// # Panics
    /// If there are other handles and no more descriptors to be had.
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

/// std's error for a time-out of nothing.
pub(crate) fn zero_timeout() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "cannot set a 0 duration timeout",
    )
}

/// What the kernel's refusal to watch a descriptor means.
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

/// Makes a system call in a function of its own: `errno` is a thread-local, whose address
/// must not be kept from before a wait, after which the goroutine may be on another thread.
#[inline(never)]
pub(super) fn apart<T>(call: impl FnOnce() -> T) -> T {
    call()
}
