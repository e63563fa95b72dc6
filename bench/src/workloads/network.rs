//! The server of `tcp_echo`. Its client is another program.

use bench_common::Figures;
use gort::net::TcpListener;
use gort::prelude::*;
use std::io::{Read, Write};

/// Echoes 64 bytes at a time on every connection until it is killed.
pub(super) fn tcp_echo(_: u64) -> Figures {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("LISTENING {}", listener.local_addr().expect("bound").port());
    loop {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_nodelay(true).expect("connected");
        go! {
            let mut message = [0; 64];
            while stream.read_exact(&mut message).is_ok() && stream.write_all(&message).is_ok() {}
        };
    }
}
