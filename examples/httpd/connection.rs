//! The life of a connection: request after request, each in its time.
//!
//! Whoever is slow is cut off by a deadline: between requests after a minute, within the head of
//! one after ten seconds, and when it does not take what it asked for after thirty without any
//! progress. When the server ends, who is between requests is let go, and who has sent one hears
//! the answer.

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

/// How long a client may be silent between requests, how long the head of one may take, and how
/// long a write.
const IDLE: Duration = Duration::from_secs(60);
const HEAD: Duration = Duration::from_secs(10);
const WRITE: Duration = Duration::from_secs(30);
/// How long what is under way may take to arrive when the server ends, and who has been answered to
/// go.
const GRACE: Duration = Duration::from_millis(250);
const PARTING: Duration = Duration::from_secs(2);
/// By how much a deadline may be older than it should: moving it each time costs more than that is
/// worth.
const SLACK: Duration = Duration::from_secs(1);

/// The longest head, and the longest body, which is read and thrown away.
const LONGEST_HEAD: usize = 16 * 1024;
const LONGEST_BODY: u64 = 64 * 1024;
/// How much is sent at a time, and how much room for that a connection keeps over a wait.
const CHUNK: usize = 256 * 1024;
const KEPT: usize = 16 * 1024;
/// The path that says how the server is doing.
const STATUS: &[u8] = b"/-/status";

/// What a connection is spoken over.
pub(crate) trait Wire: Read + Write {
    /// Tells the client that nothing more comes.
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
    /// Serves the files of `folder` until `ctx` is done.
    pub(crate) fn new(folder: Folder, ctx: Context) -> Self {
        Self {
            folder,
            ctx,
            began: Instant::now(),
            connections: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
        }
    }

    /// How many there are now.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// How many have been answered.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Answers what comes over `wire`, whose deadlines `socket` has.
    pub(crate) fn serve(&self, wire: impl Wire, socket: &TcpStream) -> io::Result<()> {
        self.connections.fetch_add(1, Relaxed);
        gort::defer!({
            self.connections.fetch_sub(1, Relaxed);
        });
        socket.set_nodelay(true)?;
        let waker = socket.try_clone()?;
        // Wakes who waits for a request; who is being answered is not concerned.
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

    /// How the server is doing, as JSON.
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
    /// What has been read and not yet been answered is `begin..end` of it.
    input: Box<[u8]>,
    begin: usize,
    end: usize,
    /// What has not been written yet.
    output: Vec<u8>,
    heads: Heads,
    /// The deadlines of the socket, as far as we have set them.
    read_until: Option<Instant>,
    write_until: Option<Instant>,
    /// A request has begun, whose deadline does not move.
    in_request: bool,
    /// The server ends: what comes now is the last.
    ending: bool,
}

/// A request, as far as it takes to answer it.
struct Wanted {
    answer: Answer,
    with_body: bool,
    keep_alive: bool,
    /// What is read and thrown away before.
    body: u64,
}

enum Answer {
    File(Opened),
    Json(String),
    /// To the same path with a slash behind it.
    Redirect(String),
    NotModified,
    Status(u16),
}

impl<W: Wire> Connection<'_, W> {
    /// Answers the next request. `Break` if there will be no more.
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
        // Whoever has sent further requests behind this one hears all answers.
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

    /// Puts an answer into the output, or most of it on the wire.
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

    /// Puts a file into the output, and writes it whenever there is enough. That the file has
    /// become shorter since its length was said ends the connection: nothing else tells the client.
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

    /// Throws a body away.
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

    /// Answers what is no request, and ends the connection: nobody knows where the next one would
    /// begin.
    fn refuse(&mut self, status: u16) -> io::Result<ControlFlow<()>> {
        self.heads.status(&mut self.output, status, false, true);
        self.flush()?;
        self.part()
    }

    /// Ends the connection, but not before the client has said what it wanted to: else it may miss
    /// the answer.
    fn part(&mut self) -> io::Result<ControlFlow<()>> {
        self.wire.end_output()?;
        self.socket
            .set_read_deadline(Some(Instant::now() + PARTING))?;
        let mut left = LONGEST_HEAD as u64 * 64;
        while left > 0 {
            // The socket's: what is in TLS is of no interest either.
            let n = (&*self.socket).read(&mut self.input)?;
            if n == 0 {
                break;
            }
            left = left.saturating_sub(n as u64);
        }
        Ok(Break(()))
    }

    /// Reads on, after it has written what the client may be waiting for. 0 is the end.
    fn more(&mut self) -> io::Result<usize> {
        self.flush()?;
        // Whoever waits keeps little.
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
                // Woken because the server ends: there is still a moment.
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

    /// Has reading end in time, if the deadline that is set is not good enough.
    fn set_read_deadline(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.server.ctx.err().is_some() && !self.ending {
            (self.ending, self.read_until) = (true, None);
        }
        let is_idle = self.begin == self.end && !self.in_request;
        let time = match (is_idle, self.ending) {
            (true, false) => IDLE,
            (true, true) => GRACE,
            (false, _) => HEAD,
        };
        let begins = !is_idle && !self.in_request;
        self.in_request |= begins;
        let is_old = |until: Instant| is_idle && !self.ending && until + SLACK < now + time;
        if begins || self.read_until.is_none_or(is_old) {
            self.read_until = Some(now + time);
            self.socket.set_read_deadline(self.read_until)?;
            // Behind that, or the deadline might have come in the place of the ending's.
            if !self.ending && self.server.ctx.err().is_some() {
                return self.set_read_deadline();
            }
        }
        Ok(())
    }

    /// Writes what is there.
    fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        if self
            .write_until
            .is_none_or(|until| until + SLACK < now + WRITE)
        {
            self.write_until = Some(now + WRITE);
            self.socket.set_write_deadline(self.write_until)?;
        }
        self.wire.write_all(&self.output)?;
        self.wire.flush()?;
        self.output.clear();
        Ok(())
    }
}

impl Server {
    /// What the head of a request asks for.
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
