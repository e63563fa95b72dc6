//! Tests the example `httpd` with clients that are not goroutines. `.ci/examples` also uses curl,
//! with TLS as well.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{Folder, PROCS, Program, ask, connect};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::sync::LazyLock;
use std::thread;

/// A server and the folder that it serves.
struct Httpd {
    program: Program,
    address: String,
    folder: Folder,
}

impl Httpd {
    fn start(procs: &str) -> Self {
        let folder = Folder::new();
        folder.write("root/a b.txt", "with a space\n");
        folder.write("root/index.html", "<p>root\n");
        folder.write("root/sub/index.html", "<p>sub\n");
        folder.write("root/sub/deep/x.json", "{}");
        folder.write("root/.hidden", "hidden\n");
        folder.write("root/empty", "");
        folder.write("root/large", &*NOISE);
        folder.write("outside/secret", "secret\n");
        symlink("../outside/secret", folder.path().join("root/link")).unwrap();
        symlink("../outside", folder.path().join("root/folder-link")).unwrap();
        symlink("sub/index.html", folder.path().join("root/inner-link")).unwrap();
        symlink("loop", folder.path().join("root/loop")).unwrap();
        let root = folder.path().join("root");
        let args = [
            OsStr::new("--dir"),
            root.as_os_str(),
            OsStr::new("--addr"),
            OsStr::new("127.0.0.1:0"),
        ];
        let mut program = Program::start("httpd", procs, args);
        let address = program.address();
        Self {
            program,
            address,
            folder,
        }
    }

    /// Returns the answer to the only request on a connection.
    fn get(&self, path: &str) -> Answer {
        let text = ask(
            &self.address,
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        );
        Answer::from(text)
    }
}

/// Bytes that do not repeat nearby, and more than fits into the buffers of a socket.
static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = |n: u32| n.wrapping_mul(2_654_435_761).to_ne_bytes();
    (0..750_000).flat_map(text).collect()
});

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl From<String> for Answer {
    fn from(text: String) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

/// Reads one answer on a connection that stays open.
fn answer(stream: &mut BufReader<TcpStream>) -> (u16, Vec<u8>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0, "{head:?}");
    }
    let length = head.split_once("Content-Length: ").unwrap().1;
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

#[test]
fn files_of_the_folder_are_served() {
    for procs in PROCS {
        let httpd = Httpd::start(procs);
        for (path, kind, body) in [
            ("/", "text/html", "<p>root\n"),
            ("/?query", "text/html", "<p>root\n"),
            ("/a%20b.txt", "text/plain", "with a space\n"),
            ("/sub/", "text/html", "<p>sub\n"),
            ("/sub/deep/x.json", "application/json", "{}"),
            ("/inner-link", "application/octet-stream", "<p>sub\n"),
            ("/empty", "application/octet-stream", ""),
        ] {
            let answer = httpd.get(path);
            assert_eq!((answer.status, &*answer.body), (200, body), "{path}");
            assert!(
                answer.head.contains(&format!("\r\nContent-Type: {kind}")),
                "{answer:?}"
            );
            assert!(answer.head.contains("\r\nDate: ") && answer.head.contains(" GMT\r\n"));
        }
        let moved = httpd.get("/sub");
        assert_eq!(moved.status, 301);
        assert!(moved.head.contains("\r\nLocation: /sub/"), "{moved:?}");
    }
}

#[test]
fn nothing_outside_of_the_folder_is_served() {
    let httpd = Httpd::start("2");
    assert_eq!(
        fs::read(httpd.folder.path().join("root/link")).unwrap(),
        b"secret\n"
    );
    for path in [
        "/../outside/secret",
        "/sub/../../outside/secret",
        "/%2e%2e/outside/secret",
        "/..%2foutside%2fsecret",
        "/.%2e/outside/secret",
        "/sub/%2e%2e/%2e%2e/outside/secret",
        "/link",
        "/folder-link/secret",
        "/folder-link",
        "/loop",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/etc/passwd",
        "/.hidden",
        "/%2ehidden",
        "/a%20b.txt/",
        "/a%20b.txt%00",
        "/sub//index.html",
        "/sub/deep/",
        "/nothing",
    ] {
        let answer = httpd.get(path);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(!answer.body.contains("secret"), "{path}");
    }
    assert_eq!(httpd.get("/%zz").status, 400);
    assert_eq!(httpd.get(&format!("/{}", "x".repeat(300))).status, 404);
}

#[test]
fn a_connection_serves_many_requests_also_if_they_come_at_once() {
    for procs in PROCS {
        let httpd = Httpd::start(procs);
        let clients: Vec<_> = (0..6)
            .map(|_| {
                let stream = connect(&httpd.address);
                thread::spawn(move || {
                    let mut stream = BufReader::new(stream);
                    for _ in 0..20 {
                        let text = "GET /sub/ HTTP/1.1\r\nHost: x\r\n\r\n";
                        stream.get_mut().write_all(text.as_bytes()).unwrap();
                        assert_eq!(answer(&mut stream), (200, b"<p>sub\n".to_vec()));
                    }
                    let large = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
                    let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /";
                    let head = "HEAD /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
                    let all = [large, post, large, head].concat();
                    stream.get_mut().write_all(all.as_bytes()).unwrap();
                    assert!(answer(&mut stream) == (200, NOISE.clone()));
                    assert_eq!(answer(&mut stream).0, 405);
                    assert!(answer(&mut stream) == (200, NOISE.clone()));
                    let mut rest = String::new();
                    stream.read_to_string(&mut rest).unwrap();
                    assert!(rest.contains("Content-Length: 3000000\r\n"), "{rest}");
                    assert!(rest.ends_with("\r\n\r\n"), "{rest}");
                })
            })
            .collect();
        clients
            .into_iter()
            .for_each(|client| client.join().unwrap());
        let status = httpd.get("/-/status");
        assert!(
            status.head.contains("\r\nContent-Type: application/json"),
            "{status:?}"
        );
        assert!(status.body.contains("\"requests\": 144,"), "{status:?}");
    }
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let httpd = Httpd::start("2");
    let date = httpd.get("/").head;
    let date = date.split_once("Last-Modified: ").unwrap().1;
    let date = date.split("\r\n").next().unwrap();
    let again = |date: &str| {
        let text = format!(
            "GET / HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: {date}\r\nConnection: close\r\n\r\n"
        );
        Answer::from(ask(&httpd.address, text))
    };
    let answer = again(date);
    assert_eq!((answer.status, &*answer.body), (304, ""));
    assert_eq!(again("Sun, 06 Nov 1994 08:49:37 GMT").status, 200);
}

#[test]
fn what_is_no_request_is_refused_and_heard() {
    let httpd = Httpd::start("2");
    let long = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    let body = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n{}",
        "x".repeat(100_000)
    );
    for (text, status) in [
        ("hello\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        (&*long, 431),
        (&*body, 413),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            501,
        ),
    ] {
        let mut stream = connect(&httpd.address);
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(Answer::from(answer).status, status);
    }
    // Half of a request.
    let mut stream = connect(&httpd.address);
    stream.write_all(b"GET / HT").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(Answer::from(answer).status, 400);
}

#[test]
fn at_the_end_requests_that_have_begun_are_answered_and_the_rest_is_let_go() {
    for procs in PROCS {
        let mut httpd = Httpd::start(procs);
        let mut idle = BufReader::new(connect(&httpd.address));
        idle.get_mut()
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        assert_eq!(answer(&mut idle).0, 200);
        // The answer is larger than the buffers between the two, so it is still under way when the
        // end comes.
        let mut busy = BufReader::new(connect(&httpd.address));
        let large = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4);
        busy.get_mut().write_all(&large).unwrap();
        busy.fill_buf().unwrap();
        // The first half of a request.
        let mut half = connect(&httpd.address);
        half.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        while !httpd.get("/-/status").body.contains("\"connections\": 4,") {}

        httpd.program.signal(libc::SIGTERM);
        assert_eq!(idle.read_to_string(&mut String::new()).unwrap(), 0);
        half.write_all(b"Host: x\r\n\r\n").unwrap();
        let mut answer_to_half = String::new();
        half.read_to_string(&mut answer_to_half).unwrap();
        let answer_to_half = Answer::from(answer_to_half);
        assert_eq!(
            (answer_to_half.status, &*answer_to_half.body),
            (200, "<p>root\n")
        );
        assert!(answer_to_half.head.contains("Connection: close"));
        for _ in 0..4 {
            assert!(answer(&mut busy) == (200, NOISE.clone()));
        }
        assert_eq!(busy.read_to_string(&mut String::new()).unwrap(), 0);
        assert_eq!(httpd.program.wait().code(), Some(0));
        assert!(TcpStream::connect(&httpd.address).is_err());
    }
}
