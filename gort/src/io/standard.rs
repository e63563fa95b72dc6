//! Waiting for the descriptors 0 to 2, which never get `O_NONBLOCK`.
//!
//! The flag would belong to the open file, which the shell and whoever else started the process have as well. So a call
//! is made in three steps:
//!
//! 1. `poll` with a time of 0 says whether it would block. Regular files and `/dev/null`, which `epoll` refuses, never do.
//! 2. If so, the goroutine parks until the poller has seen an edge of a *duplicate*, which is closed afterwards. A
//!    duplicate per wait, since a program may put another file in the place of 0, 1 or 2 (`dup2`), and may have
//!    a `Pollable` of them: the kernel tells what it watches by number and file together. Where no duplicate is to be had, or the
//!    kernel would not watch it, the wait is left out, and step 3 blocks its thread.
//! 3. The call is made inside [`blocking`]. Between 1 and 3 another process may have taken the bytes or the room; then the
//!    call blocks this thread, its P goes to another one, and nobody is held up but who called.
//!
//! A descriptor that *came* with the flag is served too: `WouldBlock` leads back to 1.

use super::mode::ready;
use super::source::apart;
use gort_runtime::{Direction, PollDesc, WaitReason, blocking};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Makes `call` when it can be expected not to block, and again as long as it says `WouldBlock`.
#[track_caller]
pub(super) fn run<R>(
    fd: BorrowedFd<'_>,
    direction: Direction,
    mut call: impl FnMut() -> io::Result<R>,
) -> io::Result<R> {
    loop {
        wait(fd, direction);
        match blocking(|| apart(&mut call)) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

/// Waits until a call would not block, or until nobody can tell: then the call does.
#[track_caller]
fn wait(fd: BorrowedFd<'_>, direction: Direction) {
    if !would_block(fd, direction) {
        return;
    }
    let Ok(twin) = apart(|| fd.try_clone_to_owned()) else {
        return;
    };
    // SAFETY: `twin` lives longer than `desc`, which is declared behind it, so dropped before; and nobody else has
    // `desc`, so its `prepare` and `wait` follow each other.
    let Ok(desc) = (unsafe { PollDesc::new(twin.as_fd()) }) else {
        return;
    };
    // Before we look again: an edge from here on ends the wait.
    if desc.prepare(direction).is_err() {
        return;
    }
    while would_block(twin.as_fd(), direction)
        && desc.wait(direction, None, WaitReason::IoWait).is_ok()
    {}
}

fn would_block(fd: BorrowedFd<'_>, direction: Direction) -> bool {
    apart(|| ready(fd, direction)).is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
}
