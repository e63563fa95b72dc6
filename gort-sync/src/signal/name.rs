//! The signals that a program can ask for.

use std::error::Error;
use std::fmt;

/// A signal that a program may want to handle. Go's `os.Signal`.
///
/// ```
/// use gort::signal::Signal;
///
/// assert_eq!(Signal::SIGTERM.to_string(), "SIGTERM");
/// assert_eq!(Signal::SIGTERM.number(), 15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(i32)]
pub enum Signal {
    /// The terminal was closed. By convention, a request to read the configuration again. Ends the
    /// process by default.
    SIGHUP = 1,
    /// Ctrl-C. Ends the process by default.
    SIGINT = 2,
    /// Ctrl-\. By default gort prints all goroutines, and the process ends with status 2.
    SIGQUIT = 3,
    /// For the program's own use. Ends the process by default.
    SIGUSR1 = 10,
    /// For the program's own use. Ends the process by default.
    SIGUSR2 = 12,
    /// A request to end. Ends the process by default.
    SIGTERM = 15,
    /// A child process has ended, or was stopped. Does nothing by default.
    SIGCHLD = 17,
    /// The size of the terminal has changed. Does nothing by default.
    SIGWINCH = 28,
}

impl Signal {
    pub(super) const ALL: [Self; 8] = [
        Self::SIGHUP,
        Self::SIGINT,
        Self::SIGQUIT,
        Self::SIGUSR1,
        Self::SIGUSR2,
        Self::SIGTERM,
        Self::SIGCHLD,
        Self::SIGWINCH,
    ];

    /// Returns the system's number of the signal.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// Returns the signal's bit in the runtime's signal sets.
    pub(super) const fn bit(self) -> u64 {
        1 << (self.number() - 1)
    }

    pub(super) fn all_in(set: u64) -> impl Iterator<Item = Self> {
        (Self::ALL.into_iter()).filter(move |signal| set & signal.bit() != 0)
    }
}

/// Writes the signal's name.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Lets a signal be the cause of a context that it has ended: see
/// [`notify_context`](super::notify_context).
impl Error for Signal {}
