//! The credentials of the process at the other end.

use crate::system;
use std::io;
use std::os::fd::AsFd;

/// The credentials of the process at the other end of a Unix socket, at the time when it connected.
/// tokio's `UCred`.
///
/// ```
/// use gort::net::{UCred, UnixStream};
///
/// let (near, _far) = UnixStream::pair()?;
/// let cred: UCred = near.peer_cred()?;
/// assert_eq!(cred.pid(), Some(std::process::id() as i32));
/// println!("user {}, group {}", cred.uid(), cred.gid());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UCred {
    pid: i32,
    uid: u32,
    gid: u32,
}

impl UCred {
    /// Asks the kernel for the credentials of the peer of `socket`.
    pub(super) fn of(socket: &impl AsFd) -> io::Result<Self> {
        let (pid, uid, gid) = system::peer(socket.as_fd())?;
        Ok(Self { pid, uid, gid })
    }

    /// Returns the effective user id.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Returns the effective group id.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// Returns the process id, or `None` if the process is in a namespace that this one cannot see
    /// into.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        (self.pid != 0).then_some(self.pid)
    }
}
