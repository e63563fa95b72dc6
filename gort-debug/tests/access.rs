//! Tests which clients can see the page, and how much of the server one client can occupy.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod client;

use client::{Place, get, own, request, socket_path, until};
use gort::prelude::*;
use gort_debug::{Options, serve, serve_unix};
use gort_tests::claims;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

claims! {
    // DP01
    fn only_loopback_addresses_and_unix_sockets_are_served_unless_asked_for() {
        for addr in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let refused = serve(addr).unwrap_err();
            assert_eq!(
                refused.kind(),
                ErrorKind::PermissionDenied,
                "{addr}: {refused}"
            );
            let text = refused.to_string();
            assert!(
                text.contains("not a loopback address") && text.contains("allow_remote"),
                "{text}"
            );
        }
        let both = [([127, 0, 0, 1], 0).into(), ([0, 0, 0, 0], 0).into()];
        assert_eq!(
            serve(&both[..]).unwrap_err().kind(),
            ErrorKind::PermissionDenied
        );
        for addr in ["127.0.0.1:0", "127.0.0.2:0", "localhost:0"] {
            let page = serve(addr).unwrap();
            assert!(page.local_addr().unwrap().ip().is_loopback());
            assert!(
                get(&Place::of(&page), "/")
                    .text()
                    .contains("<!doctype html>"),
                "{addr}"
            );
            page.close();
        }
        match serve("[::1]:0") {
            Ok(page) => {
                assert!(
                    get(&Place::of(&page), "/")
                        .text()
                        .contains("<!doctype html>")
                );
                page.close();
            }
            // The system may have no IPv6.
            Err(e) => assert!(
                matches!(
                    e.kind(),
                    ErrorKind::AddrNotAvailable | ErrorKind::Unsupported
                ),
                "{e}"
            ),
        }
        let page = Options::new().allow_remote().serve("0.0.0.0:0").unwrap();
        let port = page.local_addr().unwrap().port();
        assert_eq!(
            get(&Place::Tcp(([127, 0, 0, 1], port).into()), "/metrics.json").json()["pid"],
            std::process::id()
        );
        page.close();
        until(|| own() == 0);
    }

    // DP01
    fn a_unix_socket_is_its_owners_and_goes_with_the_page() {
        let path = socket_path("owner");
        let page = serve_unix(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(page.to_string(), format!("unix:{}", path.display()));
        assert!(
            get(&Place::of(&page), "/goroutines")
                .text()
                .contains("gort-debug")
        );
        let taken = serve_unix(&path).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        // The server that failed to start has not removed the other one's socket.
        assert!(
            get(&Place::of(&page), "/metrics")
                .text()
                .contains("gort_procs")
        );
        page.close();
        assert!(!path.exists());
        let page = serve_unix(&path).unwrap();
        drop(page);
        assert!(!path.exists());
        until(|| own() == 0);
    }

    // DP01
    fn a_page_leaves_alone_a_file_that_has_taken_its_sockets_place() {
        let path = socket_path("place");
        let page = serve_unix(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "another program's").unwrap();
        page.close();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "another program's");
        std::fs::remove_file(&path).unwrap();
    }

    // DP02
    fn requests_for_another_host_are_refused() {
        let path = socket_path("host");
        let (tcp, unix) = (serve("127.0.0.1:0").unwrap(), serve_unix(&path).unwrap());
        let port = tcp.local_addr().unwrap().port();
        for place in [Place::of(&tcp), Place::of(&unix)] {
            for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "127.1.2.3"] {
                for host in [host.to_owned(), format!("{host}:{port}")] {
                    let answer = request(&place, "GET /metrics", &[&format!("Host: {host}")]);
                    assert_eq!(answer.status, 200, "{host}");
                }
            }
            for host in [
                "evil.example",
                "evil.example:6060",
                "localhost.evil.example",
                "0.0.0.0",
                "10.0.0.1",
                "",
            ] {
                for path in [
                    "/",
                    "/goroutines",
                    "/goroutines.json",
                    "/metrics",
                    "/nothing",
                ] {
                    let answer =
                        request(&place, &format!("GET {path}"), &[&format!("Host: {host}")]);
                    assert_eq!(answer.status, 403, "{host:?}");
                    assert!(!answer.text().contains("gort_procs"));
                }
            }
            assert_eq!(request(&place, "GET /", &[]).status, 403);
            assert_eq!(
                request(&place, "GET /", &["Host: localhost", "Host: evil.example"]).status,
                400
            );
        }
        tcp.close();
        unix.close();
    }

    // DP02
    fn hosts_that_the_program_names_are_answered() {
        let page = Options::new()
            .allow_host("build-7.internal")
            .serve("127.0.0.1:0")
            .unwrap();
        let place = Place::of(&page);
        assert_eq!(
            request(&place, "GET /", &["Host: build-7.internal:80"]).status,
            200
        );
        assert_eq!(request(&place, "GET /", &["Host: 10.0.0.1"]).status, 403);
        page.close();
        let page = Options::new().allow_remote().serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        assert_eq!(request(&place, "GET /", &["Host: 10.0.0.1"]).status, 200);
        assert_eq!(
            request(&place, "GET /", &["Host: build-7.internal"]).status,
            403
        );
        page.close();
    }

    // DP02
    fn other_origins_get_nothing_and_start_nothing() {
        let page = serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        let host = "Host: localhost:6060";
        for path in [
            "/",
            "/goroutines",
            "/goroutines.json",
            "/groups",
            "/groups.json",
            "/metrics",
            "/metrics.json",
            "/profile/goroutines",
            "/profile/block",
            "/profile/mutex",
            "/nothing",
        ] {
            let line = format!("GET {path}");
            for fields in [
                &[host][..],
                &[host, "Origin: http://localhost:6060"],
                &[host, "Origin: http://evil.example"],
            ] {
                let answer = request(&place, &line, fields);
                let head = answer.head.join("\n").to_lowercase();
                assert!(!head.contains("access-control-allow"), "{path}: {head}");
                assert!(
                    head.contains("\nx-content-type-options: nosniff"),
                    "{path}: {head}"
                );
                assert_eq!(
                    answer.status == 403,
                    fields.len() > 1 && fields[1].contains("evil"),
                    "{path}: {head}"
                );
            }
            let image = [
                host,
                "Sec-Fetch-Site: cross-site",
                "Sec-Fetch-Mode: no-cors",
                "Sec-Fetch-Dest: image",
            ];
            assert_eq!(request(&place, &line, &image).status, 403, "{path}");
        }
        for path in [
            "/trace?seconds=0.001",
            "/profile/block?seconds=0.001",
            "/profile/mutex?seconds=0.001",
        ] {
            // A GET starts no trace and no recording, and another site's POST is refused.
            let by_get = request(&place, &format!("GET {path}"), &[host]).status;
            assert_eq!(by_get, if path.starts_with("/trace") { 405 } else { 200 });
            let post = format!("POST {path}");
            for origin in ["http://evil.example", "http://localhost:3000", "null"] {
                let refused = request(
                    &place,
                    &post,
                    &[host, &format!("Origin: {origin}"), "Content-Length: 0"],
                );
                assert_eq!(refused.status, 403, "{origin}");
            }
            assert_eq!(
                request(&place, &post, &[host, "Sec-Fetch-Site: same-site"]).status,
                403
            );
        }
        page.close();
    }

    // DP02
    fn a_slow_client_is_cut_off() {
        let page = Options::new()
            .timeout(Duration::from_millis(100))
            .serve("127.0.0.1:0")
            .unwrap();
        let place = Place::of(&page);
        // One client sends nothing, one half of a request, and one half of a body.
        assert_eq!(place.connect().rest(), "");
        // On a slow machine the time may be up before the half is sent. Then nothing is answered.
        let answered = (0..100).any(|_| {
            let mut half = place.connect();
            half.send("GET / HTTP/1.1\r\nHost: local");
            let rest = half.rest();
            assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408 "), "{rest}");
            !rest.is_empty()
        });
        assert!(answered);
        let mut body = place.connect();
        body.send("POST /trace HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
        assert_eq!(body.rest(), "");
        // One client asks for more than the socket buffers hold, and reads nothing.
        let (tx, rx) = bounded::<()>(0);
        let parked: Vec<_> = (0..500)
            .map(|_| {
                go!(clone(rx), {
                    rx.recv().ok();
                })
            })
            .collect();
        let mut deaf = place.connect();
        deaf.send(&"GET /goroutines.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(400));
        // On a slow machine this may miss the connection. One that is never cut off stays.
        let began = Instant::now();
        until(|| own() == 2 || began.elapsed() > Duration::from_secs(5));
        until(|| own() == 1);
        drop(deaf);
        drop(tx);
        parked.into_iter().for_each(|one| one.join().unwrap());
        page.close();
    }

    // DP02
    fn the_number_of_connections_is_bounded() {
        let page = Options::new()
            .max_connections(2)
            .timeout(Duration::from_secs(600))
            .serve("127.0.0.1:0")
            .unwrap();
        let place = Place::of(&page);
        let ask = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut connections: Vec<_> = (0..4).map(|_| place.connect()).collect();
        for connection in &mut connections[..2] {
            connection.send(ask);
            assert_eq!(connection.answer(true).status, 200);
        }
        for connection in &mut connections[2..] {
            connection.send(ask);
        }
        assert_eq!(own(), 3);
        // Each client that disconnects makes room for another one.
        let mut last = connections.split_off(2);
        for (gone, next) in connections.into_iter().zip(&mut last) {
            drop(gone);
            assert_eq!(next.answer(true).status, 200);
            // The connection of the disconnected client may still be ending.
            until(|| own() == 3);
        }
        page.close();
    }

    // DP01
    fn the_page_ends_when_it_is_closed_or_dropped() {
        for closes in [true, false] {
            let page = serve("127.0.0.1:0").unwrap();
            let addr = page.local_addr().unwrap();
            let place = Place::of(&page);
            assert_eq!(page.to_string(), format!("http://{addr}/"));
            // One client is between two requests, and one waits for a profile that is recorded.
            let mut idle = place.connect();
            idle.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_eq!(idle.answer(true).status, 200);
            let mut waits = place.connect();
            waits.send("POST /profile/block?seconds=300 HTTP/1.1\r\nHost: localhost\r\n\r\n");
            until(|| own() == 3);
            match closes {
                true => page.close(),
                false => drop(page),
            }
            until(|| own() == 0);
            assert_eq!(idle.rest(), "");
            drop(waits);
            assert_eq!(
                gort::blocking(|| TcpStream::connect(addr))
                    .unwrap_err()
                    .kind(),
                ErrorKind::ConnectionRefused
            );
        }
    }

    fn a_page_that_is_detached_stays() {
        let page = serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        page.detach();
        assert!(get(&place, "/metrics").text().contains("gort_procs"));
    }
}

#[test]
#[should_panic(expected = "at least one connection")]
fn no_connections_at_all_are_an_error() {
    let _ = Options::new().max_connections(0);
}
