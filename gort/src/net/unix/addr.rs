//! Converts std's addresses of Unix sockets to the form that system calls take.

use crate::system::abstract_name;
use socket2::SockAddr;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;

/// Converts a std address, which does not expose its raw form. An abstract name is everything after
/// a leading 0 byte.
pub(super) fn sock_addr(addr: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = addr.as_pathname() {
        return SockAddr::unix(path);
    }
    let Some(name) = abstract_name(addr) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "an unnamed address cannot be connected to",
        ));
    };
    let name = [&[0], name].concat();
    SockAddr::unix(OsStr::from_bytes(&name))
}
