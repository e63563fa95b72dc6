//! System calls that block, and a server.

use bench_common::{Figures, check, read_byte};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{spawn, spawn_blocking};

pub(super) async fn syscall_block(n: u64) -> Figures {
    let each = n / 64;
    let count = Arc::new(AtomicU64::new(0));
    check(read_byte(), "the start signal");
    let start = Instant::now();
    let tasks = [(); 64].map(|()| {
        let count = count.clone();
        spawn(async move {
            for _ in 0..each {
                if !spawn_blocking(read_byte).await.unwrap() {
                    return;
                }
                count.fetch_add(1, Relaxed);
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    let elapsed = start.elapsed();
    check(count.load(Relaxed) == each * 64, &count);
    Figures::per_op(each * 64, elapsed)
}

/// Runs until it is killed.
pub(super) async fn tcp_echo() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("LISTENING {}", listener.local_addr().unwrap().port());
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        spawn(async move {
            let mut message = [0; 64];
            while stream.read_exact(&mut message).await.is_ok()
                && stream.write_all(&message).await.is_ok()
            {}
        });
    }
}
