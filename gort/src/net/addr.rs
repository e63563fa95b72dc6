//! Operations that take whatever names addresses.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Calls `f` with each address that `addr` stands for, until it succeeds, as std does.
pub(super) fn each_addr<T>(
    addr: impl ToSocketAddrs,
    mut f: impl FnMut(&SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    // The system's resolver blocks.
    let addrs = gort_runtime::blocking(|| addr.to_socket_addrs())?;
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
