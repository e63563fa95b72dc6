//! [`Child`].

use super::pidfd::{self, Means};
use super::starter::{self, Orphan, Started};
use crate::io::Pollable;
use crate::{blocking, scope, time};
use gort_runtime::WaitReason;
use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{ExitStatus, Output};
use std::time::{Duration, Instant};

/// The pipe to a child's standard input. This is std's type of the same name as a [`Pollable`]: it
/// has deadlines, and a write that waits parks the goroutine.
///
/// ```
/// use gort::process::{ChildStdin, Command, Stdio};
/// use std::io::Write;
///
/// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
/// let mut stdin: ChildStdin = child.stdin.take().unwrap();
/// stdin.write_all(b"over")?;
/// drop(stdin);
/// assert!(child.wait()?.success());
/// # Ok::<(), std::io::Error>(())
/// ```
pub type ChildStdin = Pollable<PipeWriter>;

/// The pipe from a child's standard output. This is std's type of the same name as a [`Pollable`]:
/// it has deadlines, and a read that waits parks the goroutine. To make it the standard input of
/// another command, pass `Stdio::from(stdout.into_inner())`.
///
/// ```
/// use gort::process::{ChildStdout, Command, Stdio};
///
/// let mut echo = Command::new("echo").arg("over").stdout(Stdio::piped()).spawn()?;
/// let stdout: ChildStdout = echo.stdout.take().unwrap();
/// let tr = Command::new("tr").args(["a-z", "A-Z"]).stdin(stdout.into_inner()).output()?;
/// assert_eq!(tr.stdout, b"OVER\n");
/// echo.wait()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub type ChildStdout = Pollable<PipeReader>;

/// The pipe from a child's standard error; see [`ChildStdout`].
///
/// ```
/// use gort::process::{ChildStderr, Command, Stdio};
/// use std::io::Read;
///
/// let mut child = Command::new("sh").args(["-c", "echo no >&2"]).stderr(Stdio::piped()).spawn()?;
/// let mut stderr: ChildStderr = child.stderr.take().unwrap();
/// let mut text = String::new();
/// stderr.read_to_string(&mut text)?;
/// assert_eq!(text, "no\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub type ChildStderr = Pollable<PipeReader>;

/// A process that [`Command::spawn`](super::Command::spawn) has started. std's `Child`; Go's
/// `exec.Cmd` after `Start`.
///
/// Methods that wait park the goroutine; on plain threads they block the thread. A child whose
/// handle is dropped continues to run, unless [`kill_on_drop`](super::Command::kill_on_drop) is
/// set. When the child ends it is reaped, so it leaves no zombie. (With std, it does.)
///
/// If other code in the program reaps the child, with a `waitpid` for any child or by ignoring
/// SIGCHLD, its status is lost. Methods that wait then return when the child ends, with an error
/// that says so.
///
/// # Examples
/// ```
/// use gort::process::Command;
/// use std::time::Duration;
///
/// let mut child = Command::new("sleep").arg("60").spawn()?;
/// if child.wait_timeout(Duration::from_millis(10))?.is_none() {
///     println!("{} takes too long", child.id());
///     child.kill()?;
/// }
/// assert!(!child.wait()?.success());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Child {
    /// The child's standard input, if it was [`piped`](super::Stdio::piped), until you take it.
    pub stdin: Option<ChildStdin>,
    /// The child's standard output, likewise.
    pub stdout: Option<ChildStdout>,
    /// The child's standard error, likewise.
    pub stderr: Option<ChildStderr>,
    process: Process,
}

/// The process, apart from its pipes.
struct Process {
    pid: u32,
    wait: WaitBy,
    /// Set once the child has been reaped.
    status: Option<ExitStatus>,
    kill_on_drop: bool,
}

enum WaitBy {
    Pidfd(Pollable<OwnedFd>),
    Pid,
    Gone,
}

/// Returns the error for a status that was lost.
fn lost() -> io::Error {
    io::Error::other(
        "the child's status is lost: other code has reaped it (with a `waitpid` for any child), or SIGCHLD is ignored",
    )
}

fn explained(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ECHILD) => lost(),
        _ => error,
    }
}

/// Wraps the parent's end of a pipe.
fn pipe<T, P: From<OwnedFd> + AsFd>(end: Option<T>) -> io::Result<Option<Pollable<P>>>
where
    OwnedFd: From<T>,
{
    end.map(|end| Pollable::new(P::from(OwnedFd::from(end))))
        .transpose()
}

impl Child {
    pub(super) fn new(mut started: Started, kill_on_drop: bool) -> io::Result<Self> {
        let child = &mut started.child;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut process = Process {
            pid: child.id(),
            wait: WaitBy::Pid,
            status: None,
            // If something fails below, the caller never gets a handle: the child is killed.
            kill_on_drop: true,
        };
        process.wait = match started.claim() {
            Means::Pidfd(fd) => WaitBy::Pidfd(Pollable::new(fd)?),
            Means::Pid => WaitBy::Pid,
            Means::Gone => WaitBy::Gone,
        };
        let mut child = Self {
            stdin: pipe(stdin)?,
            stdout: pipe(stdout)?,
            stderr: pipe(stderr)?,
            process,
        };
        child.process.kill_on_drop = kill_on_drop;
        Ok(child)
    }

    /// Returns the process id. Once the child has been waited for, another process may have this
    /// id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.pid
    }

    /// Waits until the child has ended, and returns its status. Later calls return the same status.
    /// Go's `Cmd.Wait`.
    ///
    /// Closes [`stdin`](Self::stdin) first if it is still there; otherwise child and parent might
    /// wait for each other. Does not wait for other processes that have the pipes open.
    ///
    /// # Errors
    /// Returns an error if the status is lost, see [`Child`].
    ///
    /// # Panics
    /// Panics in [`on_system_stack`](crate::on_system_stack), where nothing may wait.
    #[track_caller]
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.process.wait()
    }

    /// Returns the status if the child has ended, and `None` otherwise. Does not wait, and closes
    /// no pipe.
    ///
    /// # Errors
    /// Returns an error if the status is lost, see [`Child`].
    ///
    /// # Examples
    /// ```
    /// use gort::process::Command;
    ///
    /// let mut child = Command::new("sleep").arg("60").spawn()?;
    /// assert!(child.try_wait()?.is_none());
    /// child.kill()?;
    /// # child.wait()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Like [`wait`](Self::wait), but waits for at most `timeout`. Returns `None` if the child has
    /// not ended by then; you can wait for it again.
    ///
    /// # Errors
    /// Returns an error if the status is lost, see [`Child`].
    ///
    /// # Panics
    /// Panics in [`on_system_stack`](crate::on_system_stack), where nothing may wait.
    #[track_caller]
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        drop(self.stdin.take());
        self.process.wait_timeout(timeout)
    }

    /// Sends SIGKILL to the child. You still have to wait for it. Go's `Process.Kill`.
    ///
    /// Succeeds if the child has already ended, and never kills another process.
    ///
    /// # Errors
    /// Returns an error if the child now runs as another user.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Closes [`stdin`](Self::stdin), reads both output pipes to their ends, then waits for the
    /// child. Go's `Cmd.CombinedOutput`, with the two outputs apart.
    ///
    /// A pipe ends when every process that has it open has closed it, including the child's own
    /// children.
    ///
    /// # Errors
    /// Returns an error if reading fails, or if the status is lost.
    ///
    /// # Panics
    /// Panics in [`on_system_stack`](crate::on_system_stack), where nothing may wait. Panics if
    /// both outputs are piped and no goroutine can be started.
    ///
    /// # Examples
    /// ```
    /// use gort::process::{Command, Stdio};
    /// use std::io::Write;
    ///
    /// let mut sort = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    /// sort.stdin.as_mut().unwrap().write_all(b"b\na\n")?;
    /// assert_eq!(sort.wait_with_output()?.stdout, b"a\nb\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (stdout, stderr) = match (self.stdout.take(), self.stderr.take()) {
            (Some(stdout), Some(stderr)) => read_both(stdout, stderr)?,
            (stdout, stderr) => (read_all(stdout)?, read_all(stderr)?),
        };
        let status = self.process.wait()?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }
}

/// Reads both pipes at the same time, because the child may be blocked writing to either.
fn read_both(stdout: ChildStdout, stderr: ChildStderr) -> io::Result<(Vec<u8>, Vec<u8>)> {
    scope(|s| {
        let stderr = s.spawn(move || read_all(Some(stderr)));
        let stdout = read_all(Some(stdout));
        let stderr = stderr.join().map_err(io::Error::other)?;
        Ok((stdout?, stderr?))
    })
}

fn read_all(pipe: Option<Pollable<PipeReader>>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

impl Process {
    /// Stores what a check of the child has found.
    fn keep(&mut self, found: io::Result<Option<ExitStatus>>) -> io::Result<Option<ExitStatus>> {
        self.status = found.map_err(explained)?;
        Ok(self.status)
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_some() {
            return Ok(self.status);
        }
        let found = match &self.wait {
            WaitBy::Pidfd(fd) => pidfd::collect(fd.as_fd()),
            WaitBy::Pid => pidfd::collect_by_pid(self.pid),
            WaitBy::Gone => return Err(lost()),
        };
        self.keep(found)
    }

    #[track_caller]
    fn wait(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        let status = match &self.wait {
            WaitBy::Pidfd(fd) => wait_for(fd),
            WaitBy::Pid => blocking(|| pidfd::wait_by_pid(self.pid)),
            WaitBy::Gone => Err(lost()),
        };
        let status = status.map_err(explained)?;
        self.status = Some(status);
        Ok(status)
    }

    #[track_caller]
    fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        if let Some(status) = self.try_wait()? {
            return Ok(Some(status));
        }
        let Some(until) = Instant::now().checked_add(timeout) else {
            // The deadline is later than an `Instant` can express: wait without a limit.
            return self.wait().map(Some);
        };
        if let WaitBy::Pidfd(fd) = &self.wait {
            fd.set_read_deadline(Some(until))?;
            let found = wait_for(fd);
            fd.set_read_deadline(None)?;
            match found {
                Err(e) if e.kind() == io::ErrorKind::TimedOut => self.try_wait(),
                found => self.keep(found.map(Some)),
            }
        } else {
            self.check_until(until)
        }
    }

    /// Checks the child at intervals until the limit: without a pidfd nothing announces its end.
    fn check_until(&mut self, until: Instant) -> io::Result<Option<ExitStatus>> {
        let mut pause = Duration::from_millis(1);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            time::sleep(pause.min(left));
            let found = self.try_wait()?;
            if found.is_some() || left <= pause {
                return Ok(found);
            }
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    fn kill(&mut self) -> io::Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        match &self.wait {
            WaitBy::Pidfd(fd) => pidfd::kill(fd.as_fd()),
            // Only this handle reaps a child that it waits for by process id, so the id is still
            // the child's.
            WaitBy::Pid => pidfd::kill_by_pid(self.pid),
            WaitBy::Gone => Ok(()),
        }
    }
}

/// Parks until the child has ended.
#[track_caller]
fn wait_for(pidfd: &Pollable<OwnedFd>) -> io::Result<ExitStatus> {
    pidfd.try_io_for(WaitReason::ChildWait, |fd| {
        pidfd::collect(fd.as_fd())?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        // If `try_wait` fails, there is nothing to reap either.
        if !matches!(self.try_wait(), Ok(None)) {
            return;
        }
        if self.kill_on_drop {
            // Fails for another user's process, which continues to run.
            drop(self.kill());
        }
        let means = match std::mem::replace(&mut self.wait, WaitBy::Gone) {
            WaitBy::Pidfd(fd) => Means::Pidfd(fd.into_inner()),
            WaitBy::Pid => Means::Pid,
            WaitBy::Gone => return,
        };
        starter::collect(Orphan {
            pid: self.pid,
            means,
        });
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("pid", &self.pid)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
