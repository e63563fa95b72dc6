//! A socket of std's that does not block, with what it takes to wait for it.
//!
//! An operation is a system call that is tried at once, and again each time the poller says
//! that it is worth it. Per direction there is one user at a time (that is the poller's
//! rule): a [`Side`] has a lock for it, which others wait for as for any mutex. When the
//! socket is closed, or its deadline passes, the user leaves, and those behind it follow
//! one after the other.

use gort_runtime::{Direction, Interrupted, MayWait, Nanos, PollDesc, deadline_after, nanos_of};
use gort_sync::Mutex;
use socket2::SockRef;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

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

/// A socket `S` of std's. All handles share one.
#[derive(Debug)]
pub(crate) struct Source<S> {
    /// Before `inner`: it must be dropped while that is open.
    desc: PollDesc,
    read: Side,
    write: Side,
    /// Operations do not wait.
    nonblocking: AtomicBool,
    inner: S,
}

impl<S: AsFd> Source<S> {
    /// `inner` must have been told not to block. An error if it cannot be waited for.
    pub(crate) fn new(inner: S) -> io::Result<Arc<Self>> {
        let source = Self::adopt(inner)?;
        match source.desc.not_watched() {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(source),
        }
    }

    /// As `new`, but if it cannot be waited for, those operations fail that would have to.
    fn adopt(inner: S) -> io::Result<Arc<Self>> {
        // SAFETY: the descriptor stays open: `inner` lies behind `desc` in the struct, so it is dropped later, and
        // `into_std` hands it out after `desc` has gone. Of each direction there is one user at a time:
        // `run_until` alone calls `prepare` and `wait`, and holds the direction's `turn` meanwhile.
        let desc = unsafe { PollDesc::new(inner.as_fd()) }?;
        Ok(Arc::new(Self {
            desc,
            read: Side::new(),
            write: Side::new(),
            nonblocking: AtomicBool::new(false),
            inner,
        }))
    }

    /// std's socket, for what never waits.
    pub(crate) fn get(&self) -> io::Result<&S> {
        if self.desc.is_closed() {
            return Err(closed());
        }
        Ok(&self.inner)
    }

    /// The descriptor's owner, whether closed or not.
    pub(crate) fn inner(&self) -> &S {
        &self.inner
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Tries `call` until it would not block.
    #[track_caller]
    pub(crate) fn run<T>(
        &self,
        direction: Direction,
        call: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        self.run_until(direction, self.side(direction).limit(), call)
    }

    /// The same, with another limit than the time-out.
    #[track_caller]
    pub(crate) fn run_until<T>(
        &self,
        direction: Direction,
        limit: Option<Nanos>,
        mut call: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        let turn = &self.side(direction).turn;
        let waits = !self.nonblocking.load(Relaxed);
        let _turn = if waits {
            let _ = MayWait::check();
            turn.lock()
        } else {
            turn.try_lock().map_err(|_| io::ErrorKind::WouldBlock)?
        };
        self.desc.prepare(direction).map_err(error)?;
        loop {
            match apart(|| call(&self.inner)) {
                Err(e) if waits && e.kind() == io::ErrorKind::WouldBlock => {
                    self.desc.wait(direction, limit).map_err(error)?;
                }
                // What the call found in the place of the socket is no news.
                Err(_) if self.desc.is_closed() => return Err(closed()),
                result => return result,
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
            .map_err(error)
    }

    pub(crate) fn close(&self) {
        self.desc.close();
    }
}

impl<S: AsFd + From<OwnedFd>> Source<S> {
    /// Takes over a socket of std's.
    ///
    /// # Panics
    /// If it is none that can be used.
    #[track_caller]
    pub(crate) fn from_std(inner: S) -> Arc<Self> {
        let told = SockRef::from(&inner).set_nonblocking(true);
        match told.and_then(|()| Self::adopt(inner)) {
            Ok(source) => source,
            Err(e) => panic!("a descriptor that cannot be used as a socket: {e}"),
        }
    }

    /// std's socket again: one that blocks, unless there are other handles.
    ///
    /// # Panics
    /// If there are other handles and no more descriptors to be had.
    #[track_caller]
    pub(crate) fn into_std(self: Arc<Self>) -> S {
        match Arc::try_unwrap(self) {
            Ok(Self { inner, .. }) => {
                // It succeeded the other way round.
                drop(SockRef::from(&inner).set_nonblocking(false));
                inner
            }
            Err(shared) => match shared.inner.as_fd().try_clone_to_owned() {
                Ok(fd) => S::from(fd),
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

fn closed() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotConnected,
        "use of closed network connection",
    )
}

fn error(interrupted: Interrupted) -> io::Error {
    match interrupted {
        Interrupted::Closed => closed(),
        Interrupted::TimedOut => io::Error::new(io::ErrorKind::TimedOut, "i/o timeout"),
        Interrupted::NotWatched(errno) => io::Error::from_raw_os_error(errno),
    }
}

/// Makes a system call in a function of its own: `errno` is a thread-local, whose address
/// must not be kept from before a wait, after which the goroutine may be on another thread.
#[inline(never)]
fn apart<T>(call: impl FnOnce() -> T) -> T {
    call()
}
