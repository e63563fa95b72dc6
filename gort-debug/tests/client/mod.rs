//! A client of the page. Like any other program, it uses std's sockets, which block the thread.
#![allow(dead_code, reason = "each test target uses a part of it")]

use gort_debug::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The address of a page.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Place {
    pub(crate) fn of(page: &Server) -> Self {
        match page.local_addr() {
            Some(addr) => Self::Tcp(addr),
            None => Self::Unix(page.path().unwrap().to_owned()),
        }
    }

    pub(crate) fn connect(&self) -> Connection {
        let (reader, writer): (Box<dyn Read + Send>, Box<dyn Write + Send>) = match self {
            Self::Tcp(addr) => {
                let stream = TcpStream::connect(addr).unwrap();
                (Box::new(stream.try_clone().unwrap()), Box::new(stream))
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).unwrap();
                (Box::new(stream.try_clone().unwrap()), Box::new(stream))
            }
        };
        let reader = BufReader::new(reader);
        Connection { reader, writer }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The lines of the head.
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Returns the value of a field of the head.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.iter().filter_map(|line| line.split_once(": "));
        fields
            .find(|field| field.0.eq_ignore_ascii_case(name))
            .map(|field| field.1)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

/// A connection to a page.
pub(crate) struct Connection {
    reader: BufReader<Box<dyn Read + Send>>,
    writer: Box<dyn Write + Send>,
}

impl Connection {
    pub(crate) fn send(&mut self, text: &str) {
        gort::blocking(|| self.writer.write_all(text.as_bytes())).unwrap();
    }

    /// Reads everything until the server ends the connection.
    pub(crate) fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        gort::blocking(|| self.reader.read_to_end(&mut bytes)).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Reads the answer to a request. `with_body` must be false after a HEAD.
    pub(crate) fn answer(&mut self, with_body: bool) -> Answer {
        gort::blocking(|| self.read_answer(with_body))
    }

    fn read_answer(&mut self, with_body: bool) -> Answer {
        let head: Vec<_> =
            std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty())).collect();
        let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        if !with_body {
        } else if let Some(length) = answer.field("Content-Length") {
            let mut body = vec![0; length.parse().unwrap()];
            self.reader.read_exact(&mut body).unwrap();
            answer.body = body;
        } else if answer.field("Transfer-Encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).unwrap();
                let begin = answer.body.len();
                answer.body.resize(begin + size, 0);
                self.reader.read_exact(&mut answer.body[begin..]).unwrap();
                assert_eq!(self.line(), "");
                if size == 0 {
                    break;
                }
            }
        } else {
            self.reader.read_to_end(&mut answer.body).unwrap();
        }
        answer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.strip_suffix("\r\n")
            .unwrap_or_else(|| panic!("no line: {line:?}"))
            .to_owned()
    }
}

/// Sends a request with these fields, over a connection of its own.
pub(crate) fn request(place: &Place, line: &str, fields: &[&str]) -> Answer {
    let mut connection = place.connect();
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    connection.send(&format!("{line} HTTP/1.1\r\n{fields}\r\n"));
    connection.answer(!line.starts_with("HEAD"))
}

/// Sends a GET, and returns the answer, which must be a success.
pub(crate) fn get(place: &Place, path: &str) -> Answer {
    let answer = request(place, &format!("GET {path}"), &["Host: localhost"]);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer
}

/// Returns the number of goroutines that serve pages.
pub(crate) fn own() -> usize {
    let all = gort::runtime::goroutines();
    all.iter()
        .filter(|info| info.name.as_deref() == Some("gort-debug"))
        .count()
}

/// Waits until the condition holds. The test's watchdog ends a wait that has no end.
pub(crate) fn until(mut it_is_so: impl FnMut() -> bool) {
    while !it_is_so() {
        gort::time::sleep(std::time::Duration::from_millis(1));
    }
}

/// Returns a path for a socket that no other test uses.
pub(crate) fn socket_path(test: &str) -> PathBuf {
    let name = format!("gort-debug-{test}-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    remove(&path);
    path
}

/// Removes the file that an earlier run has left.
fn remove(path: &Path) {
    if path.exists() {
        std::fs::remove_file(path).unwrap();
    }
}
