//! System calls that wait for a child process or send it a signal.

use crate::system;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;

/// How a child can be waited for.
#[derive(Debug)]
pub(super) enum Means {
    /// A descriptor that becomes readable when the child has ended.
    Pidfd(OwnedFd),
    /// Only the process id: the kernel is older than Linux 5.4, or refuses.
    Pid,
    /// Other code has already reaped the child.
    Gone,
}

/// Returns how to wait for a child that was just started.
pub(super) fn means_for(pid: u32) -> Means {
    if !gort_runtime::uses_pidfds() {
        return Means::Pid;
    }
    let fd = match system::pidfd_open(pid) {
        Ok(fd) => fd,
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Means::Gone,
        Err(_) => return Means::Pid,
    };
    let (kind, id) = system::pidfd_id(fd.as_fd());
    // If other code has reaped the child, another process may have its id by now: check whether the
    // descriptor names a child of ours.
    match check(kind, id, libc::WNOWAIT) {
        Ok(_) => Means::Pidfd(fd),
        Err(e) if e.raw_os_error() == Some(libc::ECHILD) => Means::Gone,
        Err(_) => Means::Pid,
    }
}

/// Reaps the child if it has ended, and returns its status. Does not wait.
pub(super) fn collect(fd: BorrowedFd<'_>) -> io::Result<Option<ExitStatus>> {
    let (kind, id) = system::pidfd_id(fd);
    check(kind, id, 0)
}

/// Like [`collect`], by process id.
pub(super) fn collect_by_pid(pid: u32) -> io::Result<Option<ExitStatus>> {
    check(libc::P_PID, pid, 0)
}

/// Calls `waitid` without waiting. Returns `None` if the child has not ended.
fn check(
    kind: libc::idtype_t,
    id: libc::id_t,
    flags: libc::c_int,
) -> io::Result<Option<ExitStatus>> {
    wait_id(kind, id, flags | libc::WNOHANG)
}

/// Waits for a child by its process id. Blocks the thread.
pub(super) fn wait_by_pid(pid: u32) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = wait_id(libc::P_PID, pid, 0)? {
            return Ok(status);
        }
    }
}

fn wait_id(
    kind: libc::idtype_t,
    id: libc::id_t,
    flags: libc::c_int,
) -> io::Result<Option<ExitStatus>> {
    loop {
        // SAFETY: `info` is a local, and all zeros is a valid `siginfo_t`. When `waitid` succeeds
        // the kernel has filled in the fields of a child's signal, and only those are read.
        unsafe {
            let mut info: libc::siginfo_t = mem::zeroed();
            if libc::waitid(kind, id, &raw mut info, flags | libc::WEXITED) == 0 {
                return Ok((info.si_pid() != 0).then(|| status_of(info.si_code, info.si_status())));
            }
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            // A non-blocking pidfd reports with this that the child has not ended.
            Some(libc::EAGAIN) => return Ok(None),
            _ => return Err(error),
        }
    }
}

fn status_of(code: libc::c_int, status: libc::c_int) -> ExitStatus {
    const CORE_DUMPED: libc::c_int = 0x80;
    ExitStatus::from_raw(match code {
        libc::CLD_EXITED => (status & 0xff) << 8,
        libc::CLD_DUMPED => status | CORE_DUMPED,
        _ => status,
    })
}

/// Sends SIGKILL. Succeeds if the child has already ended.
pub(super) fn kill(fd: BorrowedFd<'_>) -> io::Result<()> {
    kill_result(system::pidfd_kill(fd))
}

/// Like [`kill`], by the id of a child that has not been reaped.
pub(super) fn kill_by_pid(pid: u32) -> io::Result<()> {
    // SAFETY: the call takes no pointers.
    let sent = unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
    kill_result(sent == 0)
}

/// Returns the result of sending a signal. That the child has ended is not an error; otherwise
/// `errno` says why the signal was not sent.
fn kill_result(sent: bool) -> io::Result<()> {
    if sent {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ESRCH) => Ok(()),
        _ => Err(error),
    }
}

/// Returns whether the calling thread blocks any signal that programs use.
pub(super) fn blocks_signals() -> bool {
    // SAFETY: `set` is a local, and all zeros is a valid `sigset_t`. With a null new mask the call
    // only reads the current one.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), &raw mut set);
        (1..=system::last_signal()).any(|signal| libc::sigismember(&raw const set, signal) == 1)
    }
}

/// Unblocks all signals on the calling thread. May be called between fork and exec.
pub(super) fn unblock_all_signals() -> io::Result<()> {
    // SAFETY: `set` is a local, and all zeros is the empty set. The old mask may be null.
    unsafe {
        let set: libc::sigset_t = mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut());
    }
    Ok(())
}

/// Waits until one of the descriptors is readable, or until `milliseconds` have passed (-1: no
/// limit). Blocks the thread.
pub(super) fn wait_for_any<'a>(fds: impl Iterator<Item = BorrowedFd<'a>>, milliseconds: i32) {
    let mut polled: Vec<_> = fds
        .map(|fd| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    // SAFETY: the pointer and the length are those of `polled`. An interruption does not matter,
    // since the caller checks the descriptors again.
    unsafe {
        libc::poll(
            polled.as_mut_ptr(),
            polled.len() as libc::nfds_t,
            milliseconds,
        )
    };
}
