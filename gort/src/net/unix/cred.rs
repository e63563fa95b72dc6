//! Who is at the other end.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

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
        let mut cred = libc::ucred {
            pid: 0,
            uid: 0,
            gid: 0,
        };
        let mut len = size_of::<libc::ucred>() as libc::socklen_t;
        // SAFETY: `cred` has room for `len` bytes, any of which are a `ucred`; both are alive during the call.
        let result = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut cred).cast(),
                &raw mut len,
            )
        };
        if result == -1 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            pid: cred.pid,
            uid: cred.uid,
            gid: cred.gid,
        })
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
