//! Executes the commands of a connection, one after the other.
//!
//! Answers are written when no further command has arrived, or when there are many: a client that
//! sends a hundred commands at once gets a hundred answers at once.

use crate::command::{self, Then};
use crate::store::Store;
use crate::wire;
use gort::context::Context;
use gort_examples::stream::Stream;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a client may take to read an answer.
const WRITE: Duration = Duration::from_secs(30);
/// How long the server, when it ends, waits for commands that are on their way.
const GRACE: Duration = Duration::from_millis(250);
/// Minimum room in the buffer for a read.
const ROOM: usize = 16 * 1024;
/// Output that reaches this size is written at once. Buffers that are larger shrink once they are
/// empty.
const PIECE: usize = 64 * 1024;

/// Serves a client until it disconnects. If `ctx` is done first, executes the commands that arrive
/// within [`GRACE`], and ends.
pub(crate) fn serve(stream: &Arc<Stream>, store: &Store, ctx: &Context) -> io::Result<()> {
    let waker = Arc::clone(stream);
    let ending = ctx.after_func(move || waker.set_read_deadline(Instant::now() + GRACE));
    gort::defer!({
        ending.stop();
    });
    let (mut input, mut output) = (Input::default(), Vec::new());
    let mut ranges = Vec::new();
    loop {
        let length = match wire::command(input.bytes(), &mut ranges) {
            Ok(Some(length)) => length,
            Ok(None) => {
                flush(stream, &mut output)?;
                match input.more(stream) {
                    Ok(0) => return Ok(()),
                    Err(e) if e.kind() == ErrorKind::TimedOut => return stream.end_output(),
                    more => drop(more?),
                }
                continue;
            }
            Err(nonsense) => {
                wire::error(&mut output, &format!("ERR {nonsense}"));
                flush(stream, &mut output)?;
                return stream.end_output();
            }
        };
        let then = with_words(input.bytes(), &ranges, |words| {
            command::run(store, words, &mut output)
        });
        input.begin += length;
        if then == Then::Quit {
            flush(stream, &mut output)?;
            return stream.end_output();
        }
        if output.len() >= PIECE {
            flush(stream, &mut output)?;
        }
    }
}

/// Calls `run` with the words, unless there are none. Most commands have few words, which need no
/// allocation.
fn with_words(bytes: &[u8], ranges: &[Range<usize>], run: impl FnOnce(&[&[u8]]) -> Then) -> Then {
    let mut few = [&b""[..]; 8];
    match ranges.len() {
        0 => Then::GoOn,
        n if n <= few.len() => {
            for (word, range) in few.iter_mut().zip(ranges) {
                *word = &bytes[range.clone()];
            }
            run(&few[..n])
        }
        _ => {
            let words: Vec<_> = ranges.iter().map(|range| &bytes[range.clone()]).collect();
            run(&words)
        }
    }
}

/// Bytes that have been read and not parsed yet.
#[derive(Default)]
struct Input {
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
}

impl Input {
    fn bytes(&self) -> &[u8] {
        &self.buffer[self.begin..self.end]
    }

    /// Reads more. A command that does not fit makes the buffer larger, up to the limits in `wire`.
    fn more(&mut self, mut stream: &Stream) -> io::Result<usize> {
        self.buffer.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        if self.end == 0 && self.buffer.len() > PIECE {
            self.buffer = Vec::new();
        }
        if self.buffer.len() < self.end + ROOM {
            let length = (self.buffer.len() * 2).max(ROOM);
            self.buffer.resize(length.max(self.end + ROOM), 0);
        }
        let n = stream.read(&mut self.buffer[self.end..])?;
        self.end += n;
        Ok(n)
    }
}

fn flush(mut stream: &Stream, output: &mut Vec<u8>) -> io::Result<()> {
    if output.is_empty() {
        return Ok(());
    }
    stream.set_write_deadline(Instant::now() + WRITE);
    stream.write_all(output)?;
    output.clear();
    output.shrink_to(PIECE);
    Ok(())
}
