//! System calls that block, and a server.

use bench_common::{Figures, check, read_byte};
use may::go;
use may::net::TcpListener;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// may has no way to announce a blocking call: each of these blocks its worker.
pub(super) fn syscall_block(n: u64) -> Figures {
    let each = n / 64;
    let count = Arc::new(AtomicU64::new(0));
    check(read_byte(), "the start signal");
    let start = Instant::now();
    let readers = [(); 64].map(|()| {
        let count = count.clone();
        go!(move || {
            for _ in 0..each {
                if !read_byte() {
                    return;
                }
                count.fetch_add(1, Relaxed);
            }
        })
    });
    for reader in readers {
        reader.join().unwrap();
    }
    let elapsed = start.elapsed();
    check(count.load(Relaxed) == each * 64, &count);
    Figures::per_op(each * 64, elapsed)
}

/// Runs until it is killed.
pub(super) fn tcp_echo() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("LISTENING {}", listener.local_addr().unwrap().port());
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        go!(move || {
            let mut message = [0; 64];
            while stream.read_exact(&mut message).is_ok() && stream.write_all(&message).is_ok() {}
        });
    }
}
