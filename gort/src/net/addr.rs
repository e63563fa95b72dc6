//! Resolves names to addresses.

use gort_runtime::blocking;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Resolves a name, and returns its addresses in the order in which to try them. Go's
/// `net.LookupHost`, with a port; tokio's `lookup_host`.
///
/// Calls the system's resolver inside [`blocking`]. The resolver uses a few tens of kilobytes of
/// stack.
///
/// # Errors
/// Returns `InvalidInput` if there is no port, or the resolver's error.
///
/// # Examples
/// ```
/// for addr in gort::net::lookup_host("localhost:80")? {
///     assert!(addr.ip().is_loopback() && addr.port() == 80);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn lookup_host(addr: impl ToSocketAddrs) -> io::Result<impl Iterator<Item = SocketAddr>> {
    blocking(|| addr.to_socket_addrs())
}

/// Calls `f` with each address of `addr` until a call succeeds, as std does.
pub(super) fn each_addr<T>(
    addr: impl ToSocketAddrs,
    mut f: impl FnMut(&SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let addrs = lookup_host(addr)?;
    let mut last = None;
    for addr in addrs {
        match f(&addr) {
            Ok(value) => return Ok(value),
            Err(e) => last = Some(e),
        }
    }
    Err(last.unwrap_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "could not resolve to any addresses",
        )
    }))
}
