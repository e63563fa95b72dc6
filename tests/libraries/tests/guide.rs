//! The table of the guide's chapter "With other libraries". Each line has a test of the same name
//! here, or says where its test is. The tests run with shared thread-locals, the default, and with
//! goroutines' own thread-locals by `GORT_DEBUG`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::net::{TcpListener, TcpStream};
use gort::prelude::*;
use gort::sync::Semaphore;
use proptest::prelude::*;
use rayon::prelude::*;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Works: it reads and writes any `Read` and `Write`.
#[gort::test]
fn tungstenite() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = go!(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        while let Ok(message) = socket.read() {
            if message.is_text() {
                socket.send(message).unwrap();
            }
        }
    });
    let stream = TcpStream::connect(address).unwrap();
    let (mut socket, _) = tungstenite::client(format!("ws://{address}/"), stream).unwrap();
    for n in 0..10 {
        socket.send(format!("line {n}").into()).unwrap();
        assert_eq!(
            socket.read().unwrap().into_text().unwrap(),
            format!("line {n}")
        );
    }
    // A deadline belongs to the socket, and the connection stays usable.
    socket
        .get_ref()
        .set_read_deadline(Some(Instant::now()))
        .unwrap();
    assert!(socket.read().is_err());
    socket.get_ref().set_read_deadline(None).unwrap();
    socket.send("still there".into()).unwrap();
    assert_eq!(socket.read().unwrap().into_text().unwrap(), "still there");
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    server.join().unwrap();
}

/// Works: it parses bytes.
#[gort::test]
fn httparse() {
    let bytes = b"GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut headers = [::httparse::EMPTY_HEADER; 8];
    let mut request = ::httparse::Request::new(&mut headers);
    assert!(request.parse(bytes).unwrap().is_complete());
    assert_eq!(request.path, Some("/index.html"));
}

/// Works: it runs before anything else.
#[gort::test]
fn clap() {
    let command = ::clap::Command::new("program").arg(::clap::Arg::new("addr").long("addr"));
    let parsed = go!(move || command
        .try_get_matches_from(["program", "--addr", "x"])
        .unwrap());
    let matches = parsed.join().unwrap();
    assert_eq!(matches.get_one::<String>("addr").unwrap(), "x");
}

/// Works if the logger does not hold a std lock while it waits for a goroutine. This one sends
/// lines through a channel.
#[gort::test]
fn log() {
    struct Lines(Sender<String>);
    impl ::log::Log for Lines {
        fn enabled(&self, _: &::log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &::log::Record<'_>) {
            self.0.send(record.args().to_string()).unwrap();
        }
        fn flush(&self) {}
    }
    let (tx, lines) = bounded(0);
    ::log::set_boxed_logger(Box::new(Lines(tx))).unwrap();
    ::log::set_max_level(::log::LevelFilter::Info);
    for n in 0..100 {
        go!(move || ::log::info!("{n}"));
    }
    let mut got: Vec<u32> = lines
        .iter()
        .take(100)
        .map(|line| line.parse().unwrap())
        .collect();
    got.sort_unstable();
    assert_eq!(got, (0..100).collect::<Vec<_>>());
}

/// Works: computations run on rayon's threads. Make the call inside `blocking`, so that another
/// goroutine gets the P during the call.
#[gort::test]
fn rayon() {
    let sums: Vec<_> = (0..10_u64)
        .map(|n| {
            go!(move || gort::blocking(|| (0..1_000_u64)
                .into_par_iter()
                .map(|m| m * n)
                .sum::<u64>()))
        })
        .collect();
    for (n, sum) in sums.into_iter().enumerate() {
        assert_eq!(sum.join().unwrap(), 499_500 * n as u64);
    }
}

/// Works with care: a guard must not be held over a wait. The lock belongs to a thread, and a
/// goroutine that waits for the lock blocks its thread.
#[gort::test]
fn parking_lot() {
    let total = Arc::new(::parking_lot::Mutex::new(0));
    let all: Vec<_> = (0..100)
        .map(|n| {
            let total = Arc::clone(&total);
            go!(move || {
                yield_now();
                *total.lock() += n;
                yield_now();
            })
        })
        .collect();
    all.into_iter().for_each(|one| one.join().unwrap());
    assert_eq!(*total.lock(), 4950);
}

/// Works with care: use a connection in one goroutine at a time, make calls inside `blocking`, and
/// bound their number.
#[gort::test]
fn rusqlite() {
    let (pool, idle) = bounded(4);
    for _ in 0..4 {
        pool.send(::rusqlite::Connection::open_in_memory().unwrap())
            .unwrap();
    }
    let all: Vec<_> = (0..50_i64)
        .map(|n| {
            go!(clone(pool, idle), {
                let db = idle.recv().unwrap();
                let square = gort::blocking(|| {
                    db.query_row("SELECT ?1 * ?1", [n], |row| row.get::<_, i64>(0))
                });
                pool.send(db).unwrap();
                square.unwrap()
            })
        })
        .collect();
    for (n, square) in all.into_iter().enumerate() {
        assert_eq!(square.join().unwrap(), (n * n) as i64);
    }
}

/// Works with care: it uses std's sockets, so each call occupies a thread. Bound their number.
#[gort::test]
fn redis() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let closer = listener.try_clone().unwrap();
    // This server does what the client needs: it answers `hello` to GET, and OK to everything else.
    let server = go!(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            go!(move || {
                let (mut stream, mut bytes) = (stream, Vec::new());
                let mut chunk = [0; 4096];
                while let Ok(n @ 1..) = stream.read(&mut chunk) {
                    bytes.extend_from_slice(&chunk[..n]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    if !text.ends_with("\r\n") {
                        continue;
                    }
                    for command in text.split('*').skip(1) {
                        let answer = if command.contains("GET") {
                            "$5\r\nhello\r\n"
                        } else {
                            "+OK\r\n"
                        };
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                    bytes.clear();
                }
            });
        }
    });
    let client = ::redis::Client::open(format!("redis://{address}/")).unwrap();
    let at_once = Semaphore::new(4);
    let all: Vec<_> = (0..20)
        .map(|_| {
            let (client, at_once) = (client.clone(), at_once.clone());
            go!(move || {
                let _permit = at_once.acquire(1);
                gort::blocking(|| {
                    let mut connection = client.get_connection().unwrap();
                    ::redis::cmd("GET")
                        .arg("k")
                        .query::<String>(&mut connection)
                        .unwrap()
                })
            })
        })
        .collect();
    for one in all {
        assert_eq!(one.join().unwrap(), "hello");
    }
    closer.close();
    server.join().unwrap();
}

/// Works beside gort: its runtime has threads of its own, and a goroutine waits for its futures.
#[gort::test]
fn tokio() {
    let runtime = ::tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let handle = runtime.handle().clone();
    let all: Vec<_> = (0..20_u64)
        .map(|n| {
            let handle = handle.clone();
            go!(move || {
                gort::future::block_on(handle.spawn(async move {
                    ::tokio::time::sleep(Duration::from_millis(n)).await;
                    n
                }))
                .unwrap()
            })
        })
        .collect();
    for (n, one) in all.into_iter().enumerate() {
        assert_eq!(one.join().unwrap(), n as u64);
    }
    gort::blocking(|| drop(runtime));
}

/// Works with care: leave a span before the goroutine waits, or give goroutines thread-locals of
/// their own.
#[gort::test]
fn tracing() {
    use tracing_subscriber::prelude::*;
    struct Count(Arc<AtomicUsize>);
    impl<S: ::tracing::Subscriber> tracing_subscriber::Layer<S> for Count {
        fn on_event(
            &self,
            _: &::tracing::Event<'_>,
            context: tracing_subscriber::layer::Context<'_, S>,
        ) {
            assert!(context.current_span().is_known());
            self.0.fetch_add(1, Relaxed);
        }
    }
    let events = Arc::new(AtomicUsize::new(0));
    let subscriber = tracing_subscriber::registry().with(Count(Arc::clone(&events)));
    ::tracing::subscriber::set_global_default(subscriber).unwrap();
    let all: Vec<_> = (0..100)
        .map(|n| {
            go!(move || {
                let span = ::tracing::info_span!("job", n);
                span.in_scope(|| ::tracing::info!("begins"));
                yield_now();
                span.in_scope(|| ::tracing::info!("ends"));
            })
        })
        .collect();
    all.into_iter().for_each(|one| one.join().unwrap());
    assert_eq!(events.load(Relaxed), 200);
}

/// Works with care: its sockets belong to a tokio of its own, so each call occupies a thread. The
/// server continues to listen.
#[gort::test(leaks = "allow")]
fn postgres() {
    let (allow, port) = gort_tests::postgres::server();
    drop(allow);
    let target = format!("host=127.0.0.1 port={port} user=gort dbname=gort sslmode=disable");
    let at_once = Semaphore::new(4);
    let all: Vec<_> = (0..20)
        .map(|n| {
            go!(clone [at_once, target]; move || {
                let _permit = at_once.acquire(1);
                let rows = gort::blocking(|| {
                    let mut client = ::postgres::Client::connect(&target, ::postgres::NoTls)?;
                    client.simple_query(&format!("select {n}"))
                });
                rows.unwrap()
            })
        })
        .collect();
    for (n, one) in all.into_iter().enumerate() {
        let rows = one.join().unwrap();
        let value = rows.iter().find_map(|message| match message {
            ::postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        assert_eq!(value, Some(format!("SELECT {n}").as_str()));
    }
}

/// Works: a benchmark may start goroutines, and `b.iter` may be called in one.
#[gort::test]
fn criterion() {
    let home = std::env::temp_dir().join(format!("gort-criterion-{}", std::process::id()));
    let mut rounds = 0_u64;
    ::criterion::Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_millis(10))
        .without_plots()
        .output_directory(&home)
        .bench_function("round trip", |b| {
            let (to, there) = bounded::<u64>(0);
            let (back, from) = bounded::<u64>(0);
            let echo = go!(move || {
                for value in there {
                    back.send(value).unwrap();
                }
            });
            b.iter(|| {
                to.send(rounds).unwrap();
                assert_eq!(from.recv(), Ok(rounds));
                rounds += 1;
            });
            drop(to);
            echo.join().unwrap();
        });
    assert!(rounds >= 10);
    std::fs::remove_dir_all(home).unwrap();
}

/// Works: a snapshot without a name of its own is named after the test.
#[gort::test]
fn insta() {
    let (tx, rx) = bounded(2);
    let sender = go!(move || ["one", "two", "three"].map(|word| tx.send(word).unwrap()));
    let words: Vec<_> = rx.iter().collect();
    sender.join().unwrap();
    ::insta::assert_snapshot!(words.join(" "));
}

proptest! {
    /// Works: the test's thread runs a property, which may start goroutines or call `runtime::run`.
    #[test]
    fn proptest(values in proptest::collection::vec(0_u32..1_000, 0..50)) {
        let sum: u32 = values.iter().sum();
        let got = gort::runtime::run(move || {
            let (tx, rx) = bounded(3);
            go!(move || values.into_iter().for_each(|value| tx.send(value).unwrap()));
            rx.iter().sum::<u32>()
        });
        prop_assert_eq!(got, sum);
    }
}
