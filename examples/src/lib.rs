//! What the example programs share: how they report success and failure, and a progress line
//! (here), arguments (`args.rs`), and connections over TCP and Unix sockets (`stream.rs`).

pub mod args;
pub mod stream;

use gort::JoinError;
use gort::channel::{Receiver, after};
use std::env;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// The result of a program or of a part of it.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Why a program ends early.
#[derive(Debug)]
pub enum Failure {
    /// The arguments are not what the program expects.
    Usage(String),
    /// Something could not be done.
    Failed(String),
    /// Standard output could not be written.
    Output(io::Error),
}

impl Failure {
    /// Creates a failure because of wrong arguments.
    pub fn usage(reason: impl Into<String>) -> Self {
        Self::Usage(reason.into())
    }

    /// Returns a function for `map_err` that turns an error of the file or directory at `path` into
    /// a failure.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Failed(format!("{path:?}: {error}"))
    }
}

/// An error without a path comes from standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(reason) | Self::Failed(reason) => f.write_str(reason),
            Self::Output(error) => write!(f, "standard output: {error}"),
        }
    }
}

impl Error for Failure {}

/// Runs `main` with the program's arguments. A failure is printed on standard error, and sets the
/// status: 2 for wrong arguments, else 1. If the reader of standard output is gone (`| head`), this
/// is no failure. `usage` begins with the program's name.
pub fn program(usage: &str, main: impl FnOnce(&[OsString]) -> Outcome) -> ExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    let name = usage.split(' ').next().unwrap_or_default();
    let (message, status) = match main(&args) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => {
            return ExitCode::SUCCESS;
        }
        Err(e @ Failure::Usage(_)) => (format!("{name}: {e}; usage: {usage}"), 2),
        Err(e) => (format!("{name}: {e}"), 1),
    };
    // If this fails too, only the status is left.
    writeln!(io::stderr(), "{message}").ok();
    ExitCode::from(status)
}

/// Parses the argument `text` as a number.
///
/// # Errors
/// Returns [`Failure::Usage`] if the text is not a number, or is out of range.
pub fn number<N: FromStr<Err: fmt::Display>>(text: &OsStr) -> Outcome<N> {
    let parsed = text.to_string_lossy().parse();
    parsed.map_err(|e| Failure::usage(format!("expected a number, not {text:?}: {e}")))
}

/// Prints lines, which need not be UTF-8, all at once.
///
/// # Errors
/// Returns [`Failure::Output`] if standard output cannot be written.
pub fn print<L: AsRef<[u8]>>(lines: impl IntoIterator<Item = L>) -> Outcome {
    // The lock is std's and belongs to a thread: no code may wait while it is held.
    let mut out = BufWriter::new(io::stdout().lock());
    for line in lines {
        out.write_all(line.as_ref())?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Returns a path as one line, with the escapes of md5sum.
#[must_use]
pub fn one_line(path: &Path) -> Vec<u8> {
    let mut line = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'\\' => line.extend(br"\\"),
            b'\n' => line.extend(br"\n"),
            b'\r' => line.extend(br"\r"),
            _ => line.push(*byte),
        }
    }
    line
}

/// Raises the limit on descriptors as far as the system allows, as Go does for every program. If
/// that fails, opening too many fails later.
pub fn raise_descriptor_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid for reads and writes.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// How long a program works before the progress line appears.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the progress line stays before the next one is due.
const INTERVAL: Duration = Duration::from_millis(250);
/// Erases the terminal's line.
const ERASE: &str = "\r\x1b[K";

/// A progress line on standard error. A `select!` writes it when it is [`due`](Self::due). There is
/// none if standard error is not a terminal, and it is erased when this value is dropped.
#[derive(Debug)]
pub struct Progress {
    due: Option<Receiver<Instant>>,
    shown: bool,
}

impl Progress {
    /// Creates a progress line that is due in a second.
    #[must_use]
    pub fn new() -> Self {
        let due = io::stderr().is_terminal().then(|| after(PATIENCE));
        Self { due, shown: false }
    }

    /// Returns a receiver that is ready when it is time to [`show`](Self::show) the line. Returns
    /// `None`, which is never ready, if there is no terminal.
    #[must_use]
    pub fn due(&self) -> Option<&Receiver<Instant>> {
        self.due.as_ref()
    }

    /// Writes the line in place of the last one. The next one is due a little later.
    pub fn show(&mut self, line: impl fmt::Display) {
        write!(io::stderr(), "{ERASE}{line}").ok();
        self.due = Some(after(INTERVAL));
        self.shown = true;
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            write!(io::stderr(), "{ERASE}").ok();
        }
    }
}
