//! Who is at the other end.

use crate::system;
use std::io;
use std::os::fd::AsFd;

/// The process at the other end of a Unix socket, as it was when it connected: tokio's `UCred`.
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
    /// What the kernel knows of the peer of `socket`.
    pub(super) fn of(socket: &impl AsFd) -> io::Result<Self> {
        let (pid, uid, gid) = system::peer(socket.as_fd())?;
        Ok(Self { pid, uid, gid })
    }

    /// The effective user.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The effective group.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The process; `None` if it is in a namespace that this one cannot see into.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        (self.pid != 0).then_some(self.pid)
    }
}
