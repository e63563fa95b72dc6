//! Writes the heads of answers.

use crate::date;
use std::io::Write;
use std::time::SystemTime;

/// Writes heads. The date in them is formatted once a second.
pub(crate) struct Heads {
    seconds: u64,
    date: String,
}

impl Heads {
    pub(crate) fn new() -> Self {
        let (seconds, date) = (0, date::http(0));
        Self { seconds, date }
    }

    /// Adds the status line and the fields that every head has, for a body of this length.
    pub(crate) fn begin(&mut self, out: &mut Vec<u8>, status: u16, length: u64, keep_alive: bool) {
        let now = date::seconds(SystemTime::now());
        if now != self.seconds {
            (self.seconds, self.date) = (now, date::http(now));
        }
        let connection = if keep_alive {
            ""
        } else {
            "Connection: close\r\n"
        };
        // No format strings: they would take a third of the time of an answer.
        for part in [
            "HTTP/1.1 ",
            reason(status),
            "\r\nDate: ",
            &self.date,
            "\r\n",
            connection,
        ] {
            out.extend_from_slice(part.as_bytes());
        }
        if status != 304 {
            write!(out, "Content-Length: {length}\r\n").ok();
        }
    }

    /// Adds a whole answer that consists of its status.
    pub(crate) fn status(
        &mut self,
        out: &mut Vec<u8>,
        status: u16,
        keep_alive: bool,
        with_body: bool,
    ) {
        let text = reason(status);
        self.begin(out, status, text.len() as u64 + 1, keep_alive);
        field(out, "Content-Type", "text/plain; charset=utf-8");
        if status == 405 {
            field(out, "Allow", "GET, HEAD");
        }
        out.extend_from_slice(b"\r\n");
        if with_body {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
    }
}

/// Adds a field to a head.
pub(crate) fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Returns the name of a status.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "200 OK",
        301 => "301 Moved Permanently",
        304 => "304 Not Modified",
        400 => "400 Bad Request",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        405 => "405 Method Not Allowed",
        408 => "408 Request Timeout",
        413 => "413 Content Too Large",
        417 => "417 Expectation Failed",
        431 => "431 Request Header Fields Too Large",
        501 => "501 Not Implemented",
        503 => "503 Service Unavailable",
        505 => "505 HTTP Version Not Supported",
        _ => "500 Internal Server Error",
    }
}
