//! The two goroutines of a client: one reads what the client says, one writes what others have
//! said.

use crate::room::{Line, Room};
use gort::prelude::*;
use gort_examples::stream::Stream;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

/// Maximum length of a line in bytes. A longer line is passed on in parts.
const LONGEST: u64 = 1024;

/// Keeps a client in the room until it leaves, is expelled, or the room closes.
pub(crate) fn serve(room: &Room, stream: Stream) {
    let stream = Arc::new(stream);
    let Some((who, lines)) = room.enter(&stream) else {
        return;
    };
    let writer =
        go!(clone [stream]; move || write(&stream, &lines).inspect_err(|_| stream.close()));
    // Reads to the end, even after the room has closed: closing a connection with unread input
    // discards what is on its way to the client.
    read(&stream, |text| room.say(who, text)).ok();
    room.leave(who);
    writer.join().ok();
}

/// Passes on line after line, until the client has said everything or the stream ends.
fn read(stream: &Stream, say: impl Fn(&str)) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    let mut line = Vec::new();
    while input.by_ref().take(LONGEST).read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        // Control characters, which could move other people's cursors, are removed.
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        if !text.is_empty() {
            say(&text);
        }
        line.clear();
    }
    Ok(())
}

/// Writes line after line until the room drops the queue, and then says goodbye.
fn write(mut stream: &Stream, lines: &Receiver<Line>) -> io::Result<()> {
    for line in lines {
        stream.write_all(line.as_bytes())?;
    }
    stream.write_all(b"* goodbye\n")?;
    stream.end_output()
}
