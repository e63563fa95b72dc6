//! Waits for the descriptors 0 to 2, which never get `O_NONBLOCK`.
//!
//! The flag would belong to the open file, which the process shares with its parent, usually a
//! shell. So a call takes three steps:
//!
//! 1. `poll` with a time-out of 0 says whether the call would block. Regular files and `/dev/null`,
//!    which `epoll` refuses, never block.
//! 2. If it would, the goroutine parks until the poller has seen an edge of a *duplicate*, which is
//!    closed afterwards. Each wait has its own duplicate, because the kernel identifies what it
//!    watches by number and file together, and a program may replace 0, 1 or 2 (`dup2`) or have a
//!    `Pollable` of them. If no duplicate can be created, or if the kernel refuses to watch it,
//!    there is no wait, and step 3 blocks its thread.
//! 3. The call is made inside [`blocking`]. Between steps 1 and 3 another process may have taken
//!    the bytes or the room. Then the call blocks this thread, the P goes to another thread, and
//!    only the caller is held up.
//!
//! A descriptor that was passed to the process *with* the flag works too: `WouldBlock` leads back
//! to step 1.

use super::mode::ready;
use super::source::not_inlined;
use gort_runtime::{Direction, PollDesc, WaitReason, blocking};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Makes `call` when it is not expected to block. Repeats that while the result is `WouldBlock`.
#[track_caller]
pub(super) fn run<R>(
    fd: BorrowedFd<'_>,
    direction: Direction,
    mut call: impl FnMut() -> io::Result<R>,
) -> io::Result<R> {
    loop {
        wait(fd, direction);
        match blocking(|| not_inlined(&mut call)) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

/// Waits until a call would not block. Returns early if there is no way to wait; then the call
/// blocks.
#[track_caller]
fn wait(fd: BorrowedFd<'_>, direction: Direction) {
    if !would_block(fd, direction) {
        return;
    }
    let Ok(twin) = not_inlined(|| fd.try_clone_to_owned()) else {
        return;
    };
    // SAFETY: `twin` outlives `desc`, which is declared after it and so dropped before it. `desc`
    // is a local, so only this function calls its `prepare` and `wait`, one after the other.
    let Ok(desc) = (unsafe { PollDesc::new(twin.as_fd()) }) else {
        return;
    };
    // Prepare before checking again: an edge from here on ends the wait.
    if desc.prepare(direction).is_err() {
        return;
    }
    while would_block(twin.as_fd(), direction)
        && desc.wait(direction, None, WaitReason::IoWait).is_ok()
    {}
}

fn would_block(fd: BorrowedFd<'_>, direction: Direction) -> bool {
    not_inlined(|| ready(fd, direction)).is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
}
