//! Serves a connection: one request after the other, each within a time limit.

use crate::answer::Responder;
use crate::guard;
use crate::request::{self, Head, LONGEST_HEAD};
use crate::routes;
use crate::site::Site;
use crate::stream::Stream;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// The longest body that is read and discarded. No request needs one.
const LONGEST_BODY: u64 = 64 * 1024;
/// The maximum number of bytes that are read and discarded after the last answer. If the connection
/// were closed while the client still sends, it would be reset, and the client might miss the
/// answer.
const DRAINED: usize = 256 * 1024;
/// How long, at most, such bytes are read after the last answer.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Answers the requests that arrive over `stream`, until the client disconnects, is too slow, or
/// sends something that is not a request.
pub(crate) fn serve(stream: &Stream, site: &Site) -> io::Result<()> {
    let mut input = Input {
        stream,
        timeout: site.limits.timeout,
        bytes: Vec::new(),
    };
    let mut is_open = true;
    while is_open {
        let head = match input.head()? {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(()),
            Err(status) => {
                Responder::new(stream, site.limits.timeout, &Head::default()).status(status)?;
                break;
            }
        };
        let to = Responder::new(stream, site.limits.timeout, &head);
        if head.body > LONGEST_BODY {
            to.status(413)?;
            break;
        }
        input.skip(head.body)?;
        match guard::objection(&head, &site.hosts) {
            Some(why) => to.text(403, &why)?,
            None => routes::answer(&head, site, &mut |time| input.is_there_after(time), &to)?,
        }
        is_open = head.keep_alive;
    }
    part(stream)
}

/// Bytes that have been read from a connection and not yet been used.
struct Input<'a> {
    stream: &'a Stream,
    timeout: Duration,
    bytes: Vec<u8>,
}

impl Input<'_> {
    /// Reads the head of the next request. Returns `None` if the client has disconnected. An inner
    /// error is the status to answer with.
    fn head(&mut self) -> io::Result<Result<Option<Head>, u16>> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match request::head(&self.bytes) {
                Ok(Some(head)) => {
                    self.bytes.drain(..head.size);
                    return Ok(Ok(Some(head)));
                }
                Ok(None) => {}
                Err(status) => return Ok(Err(status)),
            }
            match self.more(deadline) {
                Ok(0) if self.bytes.is_empty() => return Ok(Ok(None)),
                Ok(0) => return Ok(Err(400)),
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::TimedOut && !self.bytes.is_empty() => {
                    return Ok(Err(408));
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Discards the next `left` bytes.
    fn skip(&mut self, left: u64) -> io::Result<()> {
        let left = usize::try_from(left).map_err(|_| ErrorKind::OutOfMemory)?;
        let deadline = Instant::now() + self.timeout;
        while self.bytes.len() < left {
            if self.more(deadline)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        self.bytes.drain(..left);
        Ok(())
    }

    /// Waits for this time. Returns `true` if the client is still connected at the end. A client
    /// that sends more bytes than a head may have (`LONGEST_HEAD`) during the wait is treated as
    /// disconnected.
    fn is_there_after(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while self.bytes.len() <= LONGEST_HEAD {
            match self.more(deadline) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(e) => return e.kind() == ErrorKind::TimedOut,
            }
        }
        false
    }

    /// Reads more bytes, at most as many as a head may have. Returns 0 at the end of the
    /// connection.
    fn more(&mut self, deadline: Instant) -> io::Result<usize> {
        let begin = self.bytes.len();
        self.bytes.resize(begin + LONGEST_HEAD, 0);
        let read = self.stream.read(&mut self.bytes[begin..], deadline);
        self.bytes
            .truncate(begin + read.as_ref().copied().unwrap_or(0));
        read
    }
}

/// Ends the connection so that the client receives its last answer.
fn part(stream: &Stream) -> io::Result<()> {
    stream.end_output()?;
    let deadline = Instant::now() + DRAIN_TIME;
    let mut left = DRAINED;
    let mut thrown_away = [0; 4096];
    while left > 0 {
        match stream.read(&mut thrown_away, deadline)? {
            0 => break,
            n => left = left.saturating_sub(n),
        }
    }
    Ok(())
}
