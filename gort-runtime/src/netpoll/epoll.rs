//! The system calls of the poller, on Linux.

use crate::base::throw::throw;
use crate::time::{Nanos, now};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Maximum number of events that one poll takes. Go's number.
const EVENTS: usize = 128;
/// The data of the eventfd's events.
const INTERRUPTED: u64 = u64::MAX;

/// The edges to be reported.
const EDGES: i32 = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
const READABLE: i32 = libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR;
const WRITABLE: i32 = libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR;

/// An event of a descriptor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) data: u64,
    pub(super) readable: bool,
    pub(super) writable: bool,
}

/// How long a poll may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    No,
    Until(Nanos),
    ForEver,
}

/// One epoll instance.
#[derive(Debug)]
pub(super) struct Epoll {
    epoll: OwnedFd,
    /// Makes a blocking poll return. It is level-triggered, and only a poll that blocks reads it.
    eventfd: OwnedFd,
    /// A socket on which every operation fails.
    dead: OwnedFd,
    /// Whether the kernel has `epoll_pwait2`, which takes nanoseconds (Linux 5.11).
    has_pwait2: AtomicBool,
}

impl Epoll {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: these calls take no pointers. A successful call returns a new descriptor, which
        // has no other owner.
        let (epoll, eventfd, dead) = unsafe {
            (
                owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))?,
                owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?,
                owned(libc::socket(
                    libc::AF_UNIX,
                    libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
                    0,
                ))?,
            )
        };
        let this = Self {
            epoll,
            eventfd,
            dead,
            has_pwait2: AtomicBool::new(true),
        };
        this.control(
            libc::EPOLL_CTL_ADD,
            this.eventfd.as_raw_fd(),
            libc::EPOLLIN,
            INTERRUPTED,
        )?;
        Ok(this)
    }

    fn control(&self, operation: i32, fd: RawFd, events: i32, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: events.cast_unsigned(),
            u64: data,
        };
        // SAFETY: `event` is alive during the call.
        check(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) })
            .map(drop)
    }

    /// Reports edges of `fd` as events with this data from now on. If `fd` is ready now, an edge is
    /// reported immediately.
    pub(super) fn add(&self, fd: BorrowedFd<'_>, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), EDGES, data)
    }

    /// Stops events of `fd`, except those that a poll has already taken. Without this, the file
    /// would send events while any descriptor names it, in any process.
    pub(super) fn remove(&self, fd: BorrowedFd<'_>) {
        // The call fails if `fd` was not added. Then there is nothing to do.
        drop(self.control(libc::EPOLL_CTL_DEL, fd.as_raw_fd(), 0, 0));
    }

    /// Replaces the file that `fd` names by the dead socket.
    pub(super) fn replace_by_dead(&self, fd: BorrowedFd<'_>) {
        let (dead, fd) = (self.dead.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: the call takes no pointers. `fd` stays a valid descriptor, which is all that its
        // borrowers rely on.
        while unsafe { libc::dup3(dead, fd, libc::O_CLOEXEC) } == -1
            && matches!(errno(), libc::EINTR | libc::EBUSY)
        {}
    }

    /// Makes the current blocking poll return, or the next one if there is none.
    pub(super) fn interrupt(&self) {
        let one = 1u64;
        // SAFETY: eight readable bytes are passed. The call fails only if the counter is full, and
        // then the poll returns anyway.
        unsafe { libc::write(self.eventfd.as_raw_fd(), ptr::from_ref(&one).cast(), 8) };
    }

    /// Waits for events, for at most as long as `block` says, and calls `each` for every event.
    /// Returns `true` if there were only events: the time was not up, and `interrupt` was not
    /// called.
    pub(super) fn wait(&self, block: Block, mut each: impl FnMut(Event)) -> bool {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let n = match usize::try_from(self.wait_raw(&mut events, block)) {
            Ok(n) => n,
            // The caller checks the time and polls again.
            Err(_) if errno() == libc::EINTR => 0,
            Err(_) => throw("epoll_wait failed"),
        };
        let mut only_events = n > 0;
        for event in &events[..n] {
            let (data, bits) = (event.u64, event.events.cast_signed());
            if data == INTERRUPTED {
                only_events = false;
                if block != Block::No {
                    let mut count = 0u64;
                    // SAFETY: eight writable bytes are passed. The call fails only if the counter
                    // is zero.
                    unsafe {
                        libc::read(
                            self.eventfd.as_raw_fd(),
                            ptr::from_mut(&mut count).cast(),
                            8,
                        )
                    };
                }
                continue;
            }
            each(Event {
                data,
                readable: bits & READABLE != 0,
                writable: bits & WRITABLE != 0,
            });
        }
        only_events
    }

    fn wait_raw(&self, events: &mut [libc::epoll_event], block: Block) -> i32 {
        let (epoll, at, max) = (self.epoll.as_raw_fd(), events.as_mut_ptr(), EVENTS as i32);
        let timeout = match block {
            Block::No => Duration::ZERO,
            Block::Until(when) => Duration::from_nanos(when.saturating_sub(now())),
            // SAFETY: `at` points to `max` events (`wait` passes an array of that length).
            Block::ForEver => return unsafe { libc::epoll_wait(epoll, at, max, -1) },
        };
        if !timeout.is_zero() && self.has_pwait2.load(Relaxed) {
            let spec = libc::timespec {
                tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: timeout.subsec_nanos().into(),
            };
            let (spec, no_mask) = (ptr::from_ref(&spec), ptr::null::<libc::sigset_t>());
            // SAFETY: `at` points to `max` events, `spec` is alive, and the mask is null.
            let n = unsafe {
                libc::syscall(
                    libc::SYS_epoll_pwait2,
                    epoll,
                    at,
                    max,
                    spec,
                    no_mask,
                    0_usize,
                )
            };
            // A filter of system calls (seccomp) may return any of these errors.
            if n >= 0 || !matches!(errno(), libc::ENOSYS | libc::EPERM | libc::EACCES) {
                return n as i32;
            }
            self.has_pwait2.store(false, Relaxed);
        }
        // Round up: after an early return the caller would have to poll again.
        let ms = timeout.as_nanos().div_ceil(1_000_000);
        let ms = i32::try_from(ms).unwrap_or(i32::MAX);
        // SAFETY: `at` points to `max` events.
        unsafe { libc::epoll_wait(epoll, at, max, ms) }
    }
}

/// Takes ownership of a descriptor that a system call has returned.
///
/// # Safety
/// `fd` is a descriptor that nothing else owns, or -1.
unsafe fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    check(fd)?;
    // SAFETY: `fd` is not -1, so it is a descriptor, and the caller says that nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn check(result: i32) -> io::Result<i32> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
