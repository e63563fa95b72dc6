//! Runs the example programs, for tests that are their clients.
//!
//! The programs are built by a command that builds all of this package: `cargo test -p
//! gort-examples`, not `--test NAME` alone.
#![allow(dead_code, reason = "each test uses some of this")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// A test that takes longer than this counts as hanging.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);
/// The numbers of Ps that each test is run with.
pub(crate) const PROCS: [&str; 3] = ["1", "2", "8"];

/// Returns the path of an example program.
pub(crate) fn example(name: &str) -> PathBuf {
    let folder = env::current_exe().unwrap();
    folder.with_file_name("../examples").join(name)
}

/// A running example, which is killed when this is dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    lines: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) fn start<A: AsRef<std::ffi::OsStr>>(
        name: &str,
        procs: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut command = Command::new(example(name));
        command.args(args).env("GORT_MAXPROCS", procs);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // SAFETY: the function may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                // A script's background jobs ignore the signal.
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                Ok(())
            });
        }
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Reads the next line that the program prints. Returns an empty line at the end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Returns what follows `serving ` in the next line.
    pub(crate) fn address(&mut self) -> String {
        let line = self.line();
        let address = line.strip_prefix("serving ");
        address.unwrap_or_else(|| panic!("{line:?}")).to_owned()
    }

    pub(crate) fn signal(&self, signal: i32) {
        let pid = self.child.id().try_into().unwrap();
        // SAFETY: the call takes no pointers. The child has not been reaped, so no other process
        // has its id.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < WATCHDOG, "it does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns what else the program prints until it ends.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Returns a connection with time limits.
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream.set_write_timeout(Some(WATCHDOG)).unwrap();
    stream
}

/// Writes a text, and reads to the end.
pub(crate) fn ask(address: &str, text: impl AsRef<[u8]>) -> String {
    let mut stream = connect(address);
    stream.write_all(text.as_ref()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A folder that is removed when this is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Relaxed);
        // The folder is not in the target folder, because a socket's address has room for only 107
        // bytes.
        let path = env::temp_dir().join(format!("gort-examples-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
