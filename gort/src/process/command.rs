//! [`Command`].

use super::begin::Begin;
use super::child::Child;
use super::starter;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};

/// Describes a process to start. std's `Command`, with its methods and defaults; Go's `exec.Cmd`.
///
/// [`spawn`](Self::spawn), [`status`](Self::status) and [`output`](Self::output) park the goroutine
/// while they wait.
///
/// # The state in which a child starts
/// As with std, a child starts with SIGPIPE at its default, and with the descriptors 0 to 2 and
/// those that are meant to be inherited. It starts with no signal blocked. (With std, it inherits
/// the signal mask of the thread that starts it.) What this program does with signals does not
/// matter: a signal that was ignored when this process was started is ignored in the child, even if
/// gort has since handled the signal or reset it to its default.
///
/// The child is started by a thread that lives as long as the process. So a parent-death signal
/// arrives when the process ends. A goroutine that is wired to its thread
/// ([`lock_os_thread`](crate::lock_os_thread)) starts the child from that thread instead, so that
/// the child inherits what belongs to the thread, such as a namespace.
///
/// # Examples
/// ```
/// use gort::process::Command;
///
/// let echo = Command::new("echo").args(["-n", "hello"]).output()?;
/// assert!(echo.status.success());
/// assert_eq!(echo.stdout, b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Command {
    begin: Begin,
    /// Which of the three streams the user has set: `output` has different defaults for the others.
    sets: [bool; 3],
    kill_on_drop: bool,
}

impl Command {
    /// Creates a command for this program, which is looked up in `PATH` unless its name contains a
    /// slash. The command has no arguments, and inherits this process's environment, working
    /// directory and standard streams. Go's `exec.Command`.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            begin: Begin::new(process::Command::new(program)),
            sets: [false; 3],
            kill_on_drop: false,
        }
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.begin.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.begin.std.args(args);
        self
    }

    /// Sets the name under which the child is called: `argv[0]`.
    ///
    /// ```
    /// use gort::process::Command;
    ///
    /// let output = Command::new("sh").arg0("blue").args(["-c", "echo $0"]).output()?;
    /// assert_eq!(output.stdout, b"blue\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn arg0(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.begin.std.arg0(arg);
        self
    }

    /// Sets a variable of the child's environment.
    ///
    /// ```
    /// use gort::process::Command;
    ///
    /// let mut command = Command::new("/usr/bin/env");
    /// command.env_clear().env("A", "1").envs([("B", "2"), ("C", "3")]).env_remove("B");
    /// assert_eq!(command.output()?.stdout, b"A=1\nC=3\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.begin.std.env(key, value);
        self
    }

    /// Sets variables of the child's environment.
    pub fn envs(
        &mut self,
        vars: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> &mut Self {
        self.begin.std.envs(vars);
        self
    }

    /// Removes a variable from the child's environment.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Self {
        self.begin.std.env_remove(key);
        self
    }

    /// Removes all variables from the child's environment.
    pub fn env_clear(&mut self) -> &mut Self {
        self.begin.std.env_clear();
        self
    }

    /// Sets the child's working directory. If the program's path is relative and contains a slash,
    /// it is unspecified whether it is relative to this directory: use an absolute path.
    ///
    /// ```
    /// use gort::process::Command;
    ///
    /// assert_eq!(Command::new("pwd").current_dir("/").output()?.stdout, b"/\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Self {
        self.begin.std.current_dir(dir);
        self
    }

    /// Sets the child's standard input. By default it is inherited; for [`output`](Self::output) it
    /// is empty.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.sets[0] = true;
        self.begin.std.stdin(stdin);
        self
    }

    /// Sets the child's standard output. By default it is inherited; for [`output`](Self::output)
    /// it is piped.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.sets[1] = true;
        self.begin.std.stdout(stdout);
        self
    }

    /// Sets the child's standard error. By default it is inherited; for [`output`](Self::output) it
    /// is piped.
    ///
    /// ```
    /// use gort::process::{Command, Stdio};
    ///
    /// let mut ls = Command::new("ls");
    /// let ls = ls.arg("/no such folder").stdin(Stdio::null());
    /// let ls = ls.stdout(Stdio::null()).stderr(Stdio::null());
    /// assert!(!ls.status()?.success());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.sets[2] = true;
        self.begin.std.stderr(stderr);
        self
    }

    /// Sets whether dropping a [`Child`] that has not been waited for kills the process. By default
    /// it does not: the process continues to run, as with std. Go's `exec.CommandContext` kills the
    /// process when its context is done.
    ///
    /// ```
    /// use gort::process::Command;
    ///
    /// let child = Command::new("sleep").arg("1000000").kill_on_drop(true).spawn()?;
    /// drop(child);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
        self.kill_on_drop = kill;
        self
    }

    /// Sets the child's user id.
    ///
    /// ```no_run
    /// use gort::process::Command;
    ///
    /// let status = Command::new("server").uid(65534).gid(65534).status()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn uid(&mut self, id: u32) -> &mut Self {
        self.begin.std.uid(id);
        self
    }

    /// Sets the child's group id.
    pub fn gid(&mut self, id: u32) -> &mut Self {
        self.begin.std.gid(id);
        self
    }

    /// Sets the child's process group. With 0 the child gets its own group, so that Ctrl-C does not
    /// reach it.
    ///
    /// ```
    /// use gort::process::Command;
    ///
    /// assert!(Command::new("true").process_group(0).status()?.success());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        self.begin.std.process_group(group);
        self
    }

    /// Schedules `f` to be called in the child, just before it executes the program. If `f` fails,
    /// starting the child fails.
    ///
    /// # Safety
    /// The child has only one thread, and the other threads' work is left half done: locks that
    /// they held, for example the allocator's, stay locked. So `f` may only do what a signal
    /// handler may do, and must not call gort's functions.
    ///
    /// # Examples
    /// ```
    /// use gort::process::Command;
    ///
    /// let mut command = Command::new("true");
    /// // SAFETY: a system call.
    /// unsafe { command.pre_exec(|| { libc::umask(0o77); Ok(()) }) };
    /// assert!(command.status()?.success());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub unsafe fn pre_exec(
        &mut self,
        f: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
    ) -> &mut Self {
        // SAFETY: the caller promises that `f` may be called between fork and exec.
        unsafe { self.begin.std.pre_exec(f) };
        self
    }

    /// Replaces this process with the program, without any clean-up of this one. Returns only if
    /// that fails.
    ///
    /// ```no_run
    /// use gort::process::Command;
    ///
    /// let error = Command::new("server").arg("--again").exec();
    /// eprintln!("cannot start again: {error}");
    /// ```
    #[must_use = "it returns only if it has failed"]
    pub fn exec(&mut self) -> io::Error {
        self.begin.prepare();
        self.begin.std.exec()
    }

    /// Starts the child.
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such program, or the system's error. On an error no child
    /// exists, and nothing of it is left.
    ///
    /// # Examples
    /// ```
    /// use gort::process::Command;
    /// use std::io::ErrorKind;
    ///
    /// let mut child = Command::new("true").spawn()?;
    /// assert!(child.wait()?.success());
    /// let error = Command::new("no such program").spawn().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn(&mut self) -> io::Result<Child> {
        let (begin, started) = starter::start(self.begin.take());
        self.begin = begin;
        Child::new(started?, self.kill_on_drop)
    }

    /// Runs the child to its end, and returns its status. Go's `Cmd.Run`.
    ///
    /// # Errors
    /// Returns the errors of [`spawn`](Self::spawn) and [`Child::wait`]. A status that reports
    /// failure is not an error.
    ///
    /// # Examples
    /// ```
    /// use gort::process::Command;
    ///
    /// assert_eq!(Command::new("sh").args(["-c", "exit 3"]).status()?.code(), Some(3));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// Runs the child to its end, and returns its status and what it wrote to standard output and
    /// standard error, unless those are set to something else. Go's `Cmd.Output`.
    ///
    /// # Errors
    /// Returns the errors of [`spawn`](Self::spawn) and [`Child::wait_with_output`]. A status that
    /// reports failure is not an error.
    #[track_caller]
    pub fn output(&mut self) -> io::Result<Output> {
        let sets = self.sets;
        let streams = [Stdio::null(), Stdio::piped(), Stdio::piped()];
        self.set_those_unset(sets, streams);
        let spawned = self.spawn();
        self.set_those_unset(sets, [Stdio::inherit(), Stdio::inherit(), Stdio::inherit()]);
        spawned?.wait_with_output()
    }

    fn set_those_unset(&mut self, sets: [bool; 3], streams: [Stdio; 3]) {
        let [stdin, stdout, stderr] = streams;
        if !sets[0] {
            self.begin.std.stdin(stdin);
        }
        if !sets[1] {
            self.begin.std.stdout(stdout);
        }
        if !sets[2] {
            self.begin.std.stderr(stderr);
        }
    }

    /// Returns the program's name, as it was passed to [`new`](Self::new).
    ///
    /// ```
    /// use gort::process::Command;
    ///
    /// let mut command = Command::new("ls");
    /// command.arg("-l").env("LANG", "C").current_dir("/");
    /// assert_eq!(command.get_program(), "ls");
    /// assert_eq!(command.get_args().count(), 1);
    /// assert_eq!(command.get_envs().count(), 1);
    /// assert!(command.get_current_dir().is_some());
    /// ```
    #[must_use]
    pub fn get_program(&self) -> &OsStr {
        self.begin.std.get_program()
    }

    /// Returns the arguments, without the program's name.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.begin.std.get_args()
    }

    /// Returns the variables that were set (`Some`) or removed (`None`).
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.begin.std.get_envs()
    }

    /// Returns the child's working directory, if it was set.
    #[must_use]
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.begin.std.get_current_dir()
    }
}

/// Like std's: shows the program and its arguments.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.begin.std, f)
    }
}
