//! Unix sockets: they connect processes on one machine.

mod addr;
mod cred;
mod datagram;
mod listener;
mod stream;

pub use cred::UCred;
pub use datagram::UnixDatagram;
pub use listener::{UnixIncoming, UnixListener};
pub use stream::UnixStream;
