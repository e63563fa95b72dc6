//! A server that speaks as much of PostgreSQL's protocol as clients need for simple queries.
#![allow(clippy::unwrap_used, reason = "a panic here is a failed test")]

use gort::net::{TcpListener, TcpStream};
use gort::prelude::*;
use std::io::{self, Read, Write};

/// Returns a message of the protocol.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], &length[..], body].concat()
}

/// Reads the body of the next message.
fn body(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Serves one connection: answers each query with the query's own text in capitals.
fn serve(mut stream: &TcpStream, allowed: &Receiver<()>) -> io::Result<()> {
    body(stream)?;
    let ready = message(b'Z', b"I");
    stream.write_all(&[message(b'R', &[0; 4]), ready.clone()].concat())?;
    loop {
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        let query = body(stream)?;
        if kind != [b'Q'] {
            return Ok(());
        }
        let text = query.strip_suffix(&[0]).unwrap().to_ascii_uppercase();
        allowed.recv().ok();
        // The answer has the columns (one text, called "a"), the only row, and the command's tag.
        let column = [
            &[0, 1, b'a', 0][..],
            &[0; 6],
            &[0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0],
        ];
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        let answer = [
            message(b'T', &column.concat()),
            message(b'D', &[&[0, 1], &length[..], &text].concat()),
            message(b'C', b"SELECT 1\0"),
            ready.clone(),
        ];
        stream.write_all(&answer.concat())?;
    }
}

/// Starts the server on a free port of the loopback interface, and returns the port.
///
/// The server holds back each answer until it receives from the channel, or until the returned
/// sender is dropped.
///
/// # Panics
/// Panics if it cannot listen.
pub fn server() -> (Sender<()>, u16) {
    let (allow, allowed) = unbounded();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    go!(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            go!(clone [allowed]; move || serve(&stream, &allowed));
        }
    });
    (allow, port)
}
