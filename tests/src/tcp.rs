//! Connections over the loopback interface.

use gort::net::{TcpListener, TcpStream};
use std::net::SocketAddr;

/// Returns a listener and its address.
///
/// # Panics
/// Panics if there is no such interface.
#[must_use]
pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface");
    let addr = listener.local_addr().expect("its address");
    (listener, addr)
}

/// Returns both ends of a connection.
///
/// # Panics
/// Panics if there is no such interface.
#[must_use]
pub fn pair() -> (TcpStream, TcpStream) {
    let (listener, addr) = listen();
    let near = TcpStream::connect(addr).expect("connect");
    let (far, _) = listener.accept().expect("accept");
    (near, far)
}
