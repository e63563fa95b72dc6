//! What listens for connections, and where.

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

/// Listens for connections.
pub(crate) enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Listens at the first of the addresses that can be had.
    pub(crate) fn tcp(addrs: &[SocketAddr]) -> io::Result<Self> {
        let listener = TcpListener::bind(addrs)?;
        let addr = listener.local_addr()?;
        Ok(Self::Tcp(listener, addr))
    }

    /// Makes a socket at `path` that only its owner may open.
    pub(crate) fn unix(path: &Path) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile::at(path)?;
        // Nobody can connect before it listens, so nobody comes in before the mode is set.
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

    /// Waits for a connection.
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(one, _) => Stream::Tcp(one.accept()?.0),
            Self::Unix(one, _) => Stream::Unix(one.accept()?.0),
        })
    }

    /// Ends the socket, for all of its handles, and removes its file.
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

/// The file of a Unix socket, which is told from a later one at the same path.
#[derive(Clone, Debug)]
pub(crate) struct SocketFile {
    pub(crate) path: PathBuf,
    /// Its device and its number there.
    identity: (u64, u64),
}

impl SocketFile {
    /// Remembers the file at `path`.
    fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        // Absolute: the program may change its working directory before the end.
        let path = std::path::absolute(path)?;
        let identity = (metadata.dev(), metadata.ino());
        Ok(Self { path, identity })
    }

    /// Removes the file, unless somebody else's is there by now.
    fn remove(&self) {
        let is_ours = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            // If it cannot be removed it stays, as every socket's file does that nobody removes.
            fs::remove_file(&self.path).ok();
        }
    }
}
