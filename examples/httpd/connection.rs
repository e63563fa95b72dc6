//! The life of a connection: request after request, each with a time limit.
//!
//! Deadlines end slow connections: after a minute between requests, after ten seconds within the
//! head of a request, and after thirty seconds without progress while the client reads an answer.
//! When the server ends, it closes connections that are between requests, and answers requests that
//! have been sent.

use crate::date;
use crate::files::{Folder, Found, Opened};
use crate::request::{self, Head};
use crate::response::{Heads, field};
use gort::context::Context;
use gort::net::{Shutdown, TcpStream};
use gort::runtime;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long a client may be silent between requests.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// How long the head of a request may take to arrive.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a write may take.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// How long a request that is under way may take to arrive when the server ends.
const LAST_REQUEST_TIME: Duration = Duration::from_millis(250);
/// How long a client that has got its last answer may take to close the connection.
const CLOSE_TIME: Duration = Duration::from_secs(2);
/// By how much the deadline that is set on the socket may be earlier than intended. Setting it for
/// each read would cost more than the precision is worth.
const SLACK: Duration = Duration::from_secs(1);

/// Maximum number of bytes in a head.
const LONGEST_HEAD: usize = 16 * 1024;
/// Maximum number of bytes in a body, which is read and discarded.
const LONGEST_BODY: u64 = 64 * 1024;
/// Number of bytes that are sent at a time.
const CHUNK: usize = 256 * 1024;
/// Number of bytes for output that a connection keeps allocated while it waits.
const KEPT: usize = 16 * 1024;
/// The path of the status page.
const STATUS: &[u8] = b"/-/status";

/// The connection as HTTP sees it: plain TCP or TLS.
pub(crate) trait Wire: Read + Write {
    /// Tells the client that no more output comes.
    fn end_output(&mut self) -> io::Result<()>;
}

impl Wire for &TcpStream {
    fn end_output(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// What all connections share.
pub(crate) struct Server {
    folder: Folder,
    ctx: Context,
    began: Instant,
    connections: AtomicUsize,
    requests: AtomicU64,
}

impl Server {
    /// Creates a server for the files of `folder` that ends when `ctx` is done.
    pub(crate) fn new(folder: Folder, ctx: Context) -> Self {
        Self {
            folder,
            ctx,
            began: Instant::now(),
            connections: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
        }
    }

    /// Returns the number of open connections.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Returns the number of requests that have been answered.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Answers the requests on `wire`. `socket` is the socket below, whose deadlines are set.
    pub(crate) fn serve(&self, wire: impl Wire, socket: &TcpStream) -> io::Result<()> {
        self.connections.fetch_add(1, Relaxed);
        gort::defer!({
            self.connections.fetch_sub(1, Relaxed);
        });
        socket.set_nodelay(true)?;
        let waker = socket.try_clone()?;
        // Wakes connections that wait for a request. Connections that are being answered are not
        // affected.
        let ending = self
            .ctx
            .after_func(move || drop(waker.set_read_deadline(Some(Instant::now()))));
        gort::defer!({
            ending.stop();
        });
        let mut connection = Connection {
            server: self,
            wire,
            socket,
            input: vec![0; LONGEST_HEAD].into(),
            begin: 0,
            end: 0,
            output: Vec::new(),
            heads: Heads::new(),
            read_until: None,
            write_until: None,
            in_request: false,
            ending: false,
        };
        while connection.request()?.is_continue() {}
        Ok(())
    }

    /// Returns the server's status as JSON.
    fn status(&self) -> String {
        format!(
            "{{\"uptime_seconds\": {}, \"connections\": {}, \"requests\": {}, \"goroutines\": {}}}\n",
            self.began.elapsed().as_secs(),
            self.connections(),
            self.requests(),
            runtime::num_goroutines()
        )
    }
}

struct Connection<'a, W> {
    server: &'a Server,
    wire: W,
    socket: &'a TcpStream,
    /// Input. `begin..end` has been read and not answered yet.
    input: Box<[u8]>,
    begin: usize,
    end: usize,
    /// Output that has not been written yet.
    output: Vec<u8>,
    heads: Heads,
    /// The deadlines that are set on the socket.
    read_until: Option<Instant>,
    write_until: Option<Instant>,
    /// Whether a request has begun. Its deadline does not move.
    in_request: bool,
    /// Whether the server ends, so that the current request is the last.
    ending: bool,
}

/// A request, reduced to what answering it needs.
struct Wanted {
    answer: Answer,
    with_body: bool,
    keep_alive: bool,
    /// Length of the body, which is read and discarded first.
    body: u64,
}

enum Answer {
    File(Opened),
    Json(String),
    /// To the same path with a slash appended.
    Redirect(String),
    NotModified,
    Status(u16),
}

impl<W: Wire> Connection<'_, W> {
    /// Answers the next request. Returns `Break` if there will be no more.
    fn request(&mut self) -> io::Result<ControlFlow<()>> {
        self.in_request = false;
        let wanted = loop {
            match request::head(&self.input[self.begin..self.end]) {
                Ok(Some(head)) => {
                    let wanted = self.server.wanted(&head);
                    self.begin += head.size;
                    break wanted;
                }
                Ok(None) if self.end - self.begin == self.input.len() => return self.refuse(431),
                Ok(None) => {}
                Err(status) => return self.refuse(status),
            }
            match self.more() {
                Ok(0) if self.begin == self.end => return Ok(Break(())),
                Ok(0) => return self.refuse(400),
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::TimedOut && self.begin < self.end => {
                    return self.refuse(408);
                }
                Err(e) => return Err(e),
            }
        };
        if wanted.body > LONGEST_BODY {
            return self.refuse(413);
        }
        self.skip(wanted.body)?;
        // Further requests that the client has already sent are answered as well.
        let is_last = self.server.ctx.err().is_some() && self.begin == self.end;
        let keep_alive = wanted.keep_alive && !is_last;
        self.answer(wanted, keep_alive)?;
        self.server.requests.fetch_add(1, Relaxed);
        if keep_alive {
            return Ok(Continue(()));
        }
        self.flush()?;
        self.part()
    }

    /// Adds an answer to the output, and writes most of a long one.
    fn answer(&mut self, wanted: Wanted, keep_alive: bool) -> io::Result<()> {
        let Self { heads, output, .. } = self;
        match wanted.answer {
            Answer::File(opened) => {
                heads.begin(output, 200, opened.size, keep_alive);
                field(output, "Content-Type", opened.kind);
                field(output, "Last-Modified", &date::http(opened.modified));
                output.extend_from_slice(b"\r\n");
                if wanted.with_body {
                    self.send(&opened)?;
                }
            }
            Answer::Json(text) => {
                heads.begin(output, 200, text.len() as u64, keep_alive);
                field(output, "Content-Type", "application/json");
                field(output, "Cache-Control", "no-store");
                output.extend_from_slice(b"\r\n");
                if wanted.with_body {
                    output.extend_from_slice(text.as_bytes());
                }
            }
            Answer::Redirect(to) => {
                heads.begin(output, 301, 0, keep_alive);
                field(output, "Location", &to);
                output.extend_from_slice(b"\r\n");
            }
            Answer::NotModified => {
                heads.begin(output, 304, 0, keep_alive);
                output.extend_from_slice(b"\r\n");
            }
            Answer::Status(status) => heads.status(output, status, keep_alive, wanted.with_body),
        }
        if self.output.len() >= CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    /// Adds a file to the output, and writes it whenever there is enough. If the file is shorter
    /// now than when its length was sent, the connection ends, because there is no other way to
    /// tell the client.
    fn send(&mut self, opened: &Opened) -> io::Result<()> {
        let mut left = opened.size;
        while left > 0 {
            let begin = self.output.len();
            let room = CHUNK.saturating_sub(begin).max(CHUNK / 4);
            let n = left.min(room as u64) as usize;
            self.output.resize(begin + n, 0);
            (&opened.file).read_exact(&mut self.output[begin..])?;
            left -= n as u64;
            if left > 0 {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Reads and discards a body.
    fn skip(&mut self, mut left: u64) -> io::Result<()> {
        loop {
            let here = left.min((self.end - self.begin) as u64);
            self.begin += here as usize;
            left -= here;
            if left == 0 {
                return Ok(());
            }
            if self.more()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Answers an invalid request, and ends the connection, because the beginning of the next
    /// request is unknown.
    fn refuse(&mut self, status: u16) -> io::Result<ControlFlow<()>> {
        self.heads.status(&mut self.output, status, false, true);
        self.flush()?;
        self.part()
    }

    /// Ends the connection after the client has sent everything. If it ended earlier, the client
    /// might miss the answer.
    fn part(&mut self) -> io::Result<ControlFlow<()>> {
        self.wire.end_output()?;
        self.socket
            .set_read_deadline(Some(Instant::now() + CLOSE_TIME))?;
        let mut left = LONGEST_HEAD as u64 * 64;
        while left > 0 {
            // Reads from the socket itself, because input inside TLS does not matter either.
            let n = (&*self.socket).read(&mut self.input)?;
            if n == 0 {
                break;
            }
            left = left.saturating_sub(n as u64);
        }
        Ok(Break(()))
    }

    /// Reads more input, after writing the output that the client may be waiting for. Returns 0 at
    /// the end.
    fn more(&mut self) -> io::Result<usize> {
        self.flush()?;
        // Keep little memory while the connection waits.
        self.output.shrink_to(KEPT);
        self.input.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        loop {
            self.set_read_deadline()?;
            match self.wire.read(&mut self.input[self.end..]) {
                Ok(n) => {
                    self.end += n;
                    return Ok(n);
                }
                // The server has ended and woken this connection, whose own deadline has not passed
                // yet.
                Err(e)
                    if e.kind() == ErrorKind::TimedOut
                        && self.read_until.is_some_and(|until| Instant::now() < until) =>
                {
                    self.read_until = None;
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Sets the read deadline, unless the present one is good enough.
    fn set_read_deadline(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.server.ctx.err().is_some() && !self.ending {
            (self.ending, self.read_until) = (true, None);
        }
        let is_idle = self.begin == self.end && !self.in_request;
        let time = match (is_idle, self.ending) {
            (true, false) => IDLE_TIME,
            (true, true) => LAST_REQUEST_TIME,
            (false, _) => HEAD_TIME,
        };
        let begins = !is_idle && !self.in_request;
        self.in_request |= begins;
        let is_old = |until: Instant| is_idle && !self.ending && until + SLACK < now + time;
        if begins || self.read_until.is_none_or(is_old) {
            self.read_until = Some(now + time);
            self.socket.set_read_deadline(self.read_until)?;
            // The server may have ended in between and set a deadline, which the one above has
            // replaced. So check only now.
            if !self.ending && self.server.ctx.err().is_some() {
                return self.set_read_deadline();
            }
        }
        Ok(())
    }

    /// Writes the output.
    fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        if self
            .write_until
            .is_none_or(|until| until + SLACK < now + WRITE_TIME)
        {
            self.write_until = Some(now + WRITE_TIME);
            self.socket.set_write_deadline(self.write_until)?;
        }
        self.wire.write_all(&self.output)?;
        self.wire.flush()?;
        self.output.clear();
        Ok(())
    }
}

impl Server {
    /// Returns what the head of a request asks for.
    fn wanted(&self, head: &Head<'_>) -> Wanted {
        Wanted {
            answer: match head.method {
                b"GET" | b"HEAD" => self.find(head),
                _ => Answer::Status(405),
            },
            with_body: head.method != b"HEAD",
            keep_alive: head.keep_alive,
            body: head.body,
        }
    }

    fn find(&self, head: &Head<'_>) -> Answer {
        if head.path == STATUS {
            return Answer::Json(self.status());
        }
        match self.folder.find(head.path) {
            Ok(Found::File(opened)) => {
                let known = head.modified_since;
                let is_known = |since: &[u8]| since == date::http(opened.modified).as_bytes();
                match known.is_some_and(is_known) {
                    true => Answer::NotModified,
                    false => Answer::File(opened),
                }
            }
            // A path that begins with two slashes would name another server.
            Ok(Found::Folder) => {
                Answer::Redirect(format!("{}/", String::from_utf8_lossy(head.path)))
            }
            Err(status) => Answer::Status(status),
        }
    }
}
