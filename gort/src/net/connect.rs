//! Connects TCP sockets.

use super::context;
use crate::context::Context;
use crate::io::source::{EDGES, Source};
use crate::system::stream_socket;
use gort_runtime::{Direction, MayWait, Nanos, WaitReason};
use socket2::{Domain, Protocol, Socket};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// A socket that is, or will be, connected.
pub(super) type Connection = Arc<Source<TcpStream>>;

/// Creates a non-blocking TCP socket of this address family.
pub(super) fn socket(domain: Domain) -> io::Result<Socket> {
    stream_socket(domain, Some(Protocol::TCP))
}

/// Starts connecting `socket`. Also returns whether the attempt is still in progress: then call
/// [`finish`].
pub(super) fn begin(socket: Socket, addr: SocketAddr) -> io::Result<(Connection, bool)> {
    let in_progress = match socket.connect(&addr.into()) {
        Ok(()) => false,
        Err(e) if matches!(e.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => true,
        Err(e) => return Err(e),
    };
    Ok((Source::new_socket(socket.into())?, in_progress))
}

/// Waits until the connection is established.
#[track_caller]
pub(super) fn finish(connection: &Connection, limit: Option<Nanos>) -> io::Result<()> {
    connection.run_until(Direction::Write, limit, EDGES, connected)
}

/// Returns `Ok` if a connection that was in progress is established, `WouldBlock` if not yet. The
/// poller may wake us spuriously, so a socket without an error is not necessarily connected.
fn connected(stream: &TcpStream) -> io::Result<()> {
    if let Some(e) = stream.take_error()? {
        return Err(e);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(e) => Err(e),
    }
}

/// Connects `socket` to an address, or gives up at the limit or when the context is done.
#[track_caller]
pub(super) fn to(
    socket: Socket,
    addr: SocketAddr,
    limit: Option<Nanos>,
    ctx: Option<&Context>,
) -> io::Result<Connection> {
    let _ = MayWait::check(WaitReason::IoWait);
    let (connection, in_progress) = begin(socket, addr)?;
    if in_progress {
        match ctx {
            None => finish(&connection, limit)?,
            Some(ctx) => context::closing(ctx, &connection, || finish(&connection, limit))?,
        }
    }
    Ok(connection)
}
