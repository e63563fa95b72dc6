//! Sends answers: a head and a body.

use crate::request::{Head, Method};
use crate::stream::Stream;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

/// The number of bytes of a body that are collected before they are sent.
const CHUNK: usize = 64 * 1024;

/// Sends the answer to one request.
pub(crate) struct Responder<'a> {
    stream: &'a Stream,
    timeout: Duration,
    with_body: bool,
    /// Whether the client understands chunked bodies. For other clients, the end of the connection
    /// marks the end of a long body.
    chunks: bool,
    keep_alive: bool,
}

impl<'a> Responder<'a> {
    /// Creates the responder for the request with this head.
    pub(crate) fn new(stream: &'a Stream, timeout: Duration, head: &Head) -> Self {
        Self {
            stream,
            timeout,
            with_body: head.method != Method::Head,
            chunks: head.is_1_1,
            keep_alive: head.keep_alive,
        }
    }

    /// Begins an answer with this status and this content type.
    pub(crate) fn begin(&self, status: u16, kind: &str) -> Answer<'_> {
        let mut head = format!("HTTP/1.1 {}\r\n", reason(status));
        for (name, value) in [
            ("Content-Type", kind),
            ("Cache-Control", "no-store"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
        ] {
            push_field(&mut head, name, value);
        }
        if !self.keep_alive {
            push_field(&mut head, "Connection", "close");
        }
        Answer {
            to: self,
            head,
            body: Vec::new(),
            has_begun: false,
        }
    }

    /// Answers with a line of text.
    pub(crate) fn text(&self, status: u16, text: &str) -> io::Result<()> {
        let mut answer = self.begin(status, "text/plain; charset=utf-8");
        writeln!(answer, "{text}")?;
        answer.finish()
    }

    /// Answers with the name of the status.
    pub(crate) fn status(&self, status: u16) -> io::Result<()> {
        self.text(status, reason(status))
    }

    /// Refuses a method. The path allows the methods `allowed` only.
    pub(crate) fn method_not_allowed(&self, allowed: &str) -> io::Result<()> {
        let mut answer = self.begin(405, "text/plain; charset=utf-8");
        answer.field("Allow", allowed);
        writeln!(answer, "this path allows {allowed} only")?;
        answer.finish()
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write(bytes, self.timeout)
    }
}

/// An answer on its way. Bytes that are written to it are its body. A short body is sent whole,
/// with its length, and a long one in chunks.
pub(crate) struct Answer<'a> {
    to: &'a Responder<'a>,
    head: String,
    body: Vec<u8>,
    /// Whether the head has been sent.
    has_begun: bool,
}

impl Answer<'_> {
    /// Adds a field to the head. Must be called before anything of the body is written.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        push_field(&mut self.head, name, value);
    }

    /// Sends everything that has not been sent yet.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if self.has_begun {
            self.flush_chunk()?;
            return match self.to.with_body && self.to.chunks {
                true => self.to.send(b"0\r\n\r\n"),
                false => Ok(()),
            };
        }
        let length = self.body.len().to_string();
        self.field("Content-Length", &length);
        let mut all = self.head.into_bytes();
        all.extend_from_slice(b"\r\n");
        if self.to.with_body {
            all.extend_from_slice(&self.body);
        }
        self.to.send(&all)
    }

    /// Sends the collected part of the body. Before the first part, sends the head.
    fn flush_chunk(&mut self) -> io::Result<()> {
        if !self.has_begun {
            if self.to.chunks {
                self.field("Transfer-Encoding", "chunked");
            }
            self.head.push_str("\r\n");
            self.to.send(self.head.as_bytes())?;
            self.has_begun = true;
        }
        let body = std::mem::take(&mut self.body);
        if body.is_empty() || !self.to.with_body {
            return Ok(());
        }
        if !self.to.chunks {
            return self.to.send(&body);
        }
        let mut chunk = format!("{:x}\r\n", body.len()).into_bytes();
        chunk.extend_from_slice(&body);
        chunk.extend_from_slice(b"\r\n");
        self.to.send(&chunk)
    }
}

impl Write for Answer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(CHUNK);
        self.body.extend_from_slice(&bytes[..n]);
        if self.body.len() >= CHUNK {
            self.flush_chunk()?;
        }
        Ok(n)
    }

    /// Does nothing. `finish` sends the rest.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn push_field(head: &mut String, name: &str, value: &str) {
    // Writing to a string does not fail.
    write!(head, "{name}: {value}\r\n").ok();
}

/// Returns a status with its name.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "200 OK",
        400 => "400 Bad Request",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        405 => "405 Method Not Allowed",
        408 => "408 Request Timeout",
        409 => "409 Conflict",
        413 => "413 Content Too Large",
        417 => "417 Expectation Failed",
        431 => "431 Request Header Fields Too Large",
        501 => "501 Not Implemented",
        503 => "503 Service Unavailable",
        505 => "505 HTTP Version Not Supported",
        _ => "500 Internal Server Error",
    }
}
