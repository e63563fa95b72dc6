//! Listening sockets.

use crate::stream::Stream;
use gort::net::{TcpListener, UnixListener};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};

/// A listening socket.
pub(crate) enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Listens at the first of the addresses that is available.
    pub(crate) fn tcp(addrs: &[SocketAddr]) -> io::Result<Self> {
        let listener = TcpListener::bind(addrs)?;
        let addr = listener.local_addr()?;
        Ok(Self::Tcp(listener, addr))
    }

    /// Creates a socket at `path` that only its owner may open.
    pub(crate) fn unix(path: &Path) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile::at(path)?;
        // No client can connect before `listen`, so the mode is set before the first one does.
        let listening = fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .and_then(|()| socket.listen(128))
            .map(|()| UnixListener::from(net::UnixListener::from(OwnedFd::from(socket))));
        match listening {
            Ok(listener) => Ok(Self::Unix(listener, file)),
            Err(e) => {
                file.remove();
                Err(e)
            }
        }
    }

    /// Returns another handle to the same socket.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(one, addr) => Self::Tcp(one.try_clone()?, *addr),
            Self::Unix(one, file) => Self::Unix(one.try_clone()?, file.clone()),
        })
    }

    /// Waits for a connection and returns it.
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(one, _) => Stream::Tcp(one.accept()?.0),
            Self::Unix(one, _) => Stream::Unix(one.accept()?.0),
        })
    }

    /// Closes the socket for all of its handles, and removes its file.
    pub(crate) fn close(&self) {
        match self {
            Self::Tcp(one, _) => one.close(),
            Self::Unix(one, file) => {
                file.remove();
                one.close();
            }
        }
    }
}

/// The file of a Unix socket. Its identity distinguishes it from a later file at the same path.
#[derive(Clone, Debug)]
pub(crate) struct SocketFile {
    pub(crate) path: PathBuf,
    /// The device and the inode number.
    identity: (u64, u64),
}

impl SocketFile {
    /// Records the file that is at `path` now.
    fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        // The path is made absolute, because the program may change its working directory later.
        let path = std::path::absolute(path)?;
        let identity = (metadata.dev(), metadata.ino());
        Ok(Self { path, identity })
    }

    /// Removes the file, unless another one is at the path by now.
    fn remove(&self) {
        let is_ours = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            // If the file cannot be removed, it stays, like that of a program that was killed.
            fs::remove_file(&self.path).ok();
        }
    }
}
