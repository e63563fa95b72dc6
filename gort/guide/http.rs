//! A small HTTP server with httparse, and ureq as its client.

use gort::context::Context;
use gort::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use gort::prelude::*;
use gort::time::sleep;
use std::error::Error;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;
use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

/// How long a client may take to send a request, or to read the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Maximum number of bytes in a request's head.
const LONGEST_HEAD: usize = 8 << 10;
/// Maximum number of bytes in a request's body.
const LONGEST_BODY: usize = 1 << 20;

#[gort::main]
fn main() -> Result<(), Box<dyn Error>> {
    let (ctx, stop) = Context::background().with_cancel();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = go!(clone [ctx]; move || serve(&ctx, &listener));

    // By default ureq blocks a thread for each request that waits. `blocking` tells the scheduler
    // beforehand.
    let agent = Agent::new_with_defaults();
    let hello = gort::blocking(|| {
        agent
            .get(format!("{url}/hello"))
            .call()?
            .into_body()
            .read_to_string()
    })?;
    assert_eq!(hello, "hello\n");
    println!("ureq as it is: {hello:?}");

    // On gort's sockets a request that waits parks the goroutine.
    let agent = Agent::with_parts(Config::default(), Gort, DefaultResolver::default());
    let echoed = agent
        .post(format!("{url}/echo"))
        .send("there and back")?
        .into_body()
        .read_to_string()?;
    assert_eq!(echoed, "there and back");
    let waits: Vec<_> = (0..200)
        .map(|_| go!(clone [agent, url]; move || agent.get(format!("{url}/slow")).call().map(|a| a.status())))
        .collect();
    slow_begun(200);
    let threads = fs::read_dir("/proc/self/task")?.count();
    for wait in waits {
        assert_eq!(wait.join()??, 200);
    }
    assert!(threads < 100, "{threads} threads");
    println!("ureq on gort's sockets: 200 requests at once, {threads} threads");

    assert!(matches!(
        agent.get(format!("{url}/nowhere")).call(),
        Err(ureq::Error::StatusCode(404))
    ));
    let last = go!(clone [agent, url]; move || agent.get(format!("{url}/slow")).call().map(|a| a.status()));
    slow_begun(201);
    let limit = Some(Duration::from_millis(10));
    let limited = agent
        .get(format!("{url}/slow"))
        .config()
        .timeout_global(limit)
        .build()
        .call();
    assert!(matches!(limited, Err(ureq::Error::Timeout(_))));
    stop.cancel();
    assert_eq!(last.join()??, 200);
    server.join()??;
    println!("requests in progress have been answered");
    Ok(())
}

/// How many requests for `/slow` have arrived.
static SLOW: AtomicUsize = AtomicUsize::new(0);

/// Waits until `n` requests for `/slow` have arrived.
fn slow_begun(n: usize) {
    while SLOW.load(Relaxed) < n {
        sleep(Duration::from_millis(1));
    }
}

/// A request's head.
struct Head {
    method: String,
    path: String,
    /// Sizes of the head and of the body behind it, in bytes.
    size: usize,
    body: usize,
    /// Whether the client sends nothing more on this connection.
    last: bool,
}

/// Parses the head of the request that `bytes` begin with. Returns `None` if the head is
/// incomplete. An error is the status of the answer.
fn head(bytes: &[u8]) -> Result<Option<Head>, u16> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let size = match request.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) if bytes.len() < LONGEST_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(431),
        Err(_) => return Err(400),
    };
    let mut head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: request.path.unwrap_or_default().to_owned(),
        size,
        body: 0,
        last: request.version == Some(0),
    };
    let mut lengths = 0;
    for header in request.headers {
        let value = str::from_utf8(header.value).map_err(|_| 400_u16)?;
        match header.name.to_ascii_lowercase().as_str() {
            "connection" if value.eq_ignore_ascii_case("close") => head.last = true,
            // A server that takes such a body for the next request can be tricked into answering a
            // request that its client never sent.
            "transfer-encoding" => return Err(501),
            "content-length" if value.bytes().all(|b| b.is_ascii_digit()) && lengths == 0 => {
                lengths += 1;
                head.body = value.parse().map_err(|_| 413_u16)?;
            }
            "content-length" => return Err(400),
            _ => {}
        }
    }
    if head.body > LONGEST_BODY {
        Err(413)
    } else {
        Ok(Some(head))
    }
}

/// Answers a request.
fn answer(head: &Head, body: &[u8]) -> (u16, Vec<u8>) {
    match (head.method.as_str(), head.path.as_str()) {
        ("GET", "/hello") => (200, b"hello\n".to_vec()),
        ("GET", "/slow") => {
            SLOW.fetch_add(1, Relaxed);
            sleep(Duration::from_millis(300));
            (200, b"here it is\n".to_vec())
        }
        ("POST", "/echo") => (200, body.to_vec()),
        (_, "/hello" | "/slow" | "/echo") => (405, Vec::new()),
        _ => (404, Vec::new()),
    }
}

/// Serves until the context is done, and then finishes the requests in progress.
fn serve(ctx: &Context, listener: &TcpListener) -> io::Result<()> {
    let stop = listener.try_clone()?;
    ctx.after_func(move || stop.close());
    let connections = WaitGroup::new();
    loop {
        match listener.accept() {
            Ok((stream, _)) => drop(connections.go({
                let ctx = ctx.clone();
                // The server does not care how a connection ends.
                move || drop(connection(&ctx, &stream))
            })),
            Err(e) if e.kind() == ErrorKind::NotConnected => break,
            // Most likely too many descriptors are open.
            Err(_) => sleep(Duration::from_millis(10)),
        }
    }
    connections.wait();
    Ok(())
}

/// Answers one request after the other, while the client sends each in time.
fn connection(ctx: &Context, stream: &TcpStream) -> io::Result<()> {
    let (mut bytes, socket) = (Vec::new(), stream.try_clone()?);
    // Wakes this goroutine if it waits for the next request. An answer in progress is finished.
    let ending = ctx.after_func(move || drop(socket.set_read_deadline(Some(Instant::now()))));
    gort::defer!({
        ending.stop();
    });
    loop {
        stream.set_read_deadline(Some(Instant::now() + PATIENCE))?;
        // Check after setting the deadline, or it might replace the one that `ending` has set.
        if ctx.err().is_some() {
            return Ok(());
        }
        let head = loop {
            match head(&bytes) {
                Ok(Some(head)) => break head,
                Ok(None) => more(stream, &mut bytes)?,
                Err(status) => return refuse(stream, status),
            }
        };
        let end = head.size + head.body;
        while bytes.len() < end {
            more(stream, &mut bytes)?;
        }
        let (status, body) = answer(&head, &bytes[head.size..end]);
        let last = head.last || ctx.err().is_some();
        respond(stream, status, &body, last)?;
        if last {
            return Ok(());
        }
        bytes.drain(..end);
    }
}

/// Reads more of the request.
fn more(mut stream: &TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 4096];
    match stream.read(&mut chunk)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        n => {
            bytes.extend_from_slice(&chunk[..n]);
            Ok(())
        }
    }
}

fn respond(mut stream: &TcpStream, status: u16, body: &[u8], last: bool) -> io::Result<()> {
    let connection = if last { "close" } else { "keep-alive" };
    let mut answer = format!(
        "HTTP/1.1 {status} \r\ncontent-length: {}\r\nconnection: {connection}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    stream.set_write_deadline(Some(Instant::now() + PATIENCE))?;
    stream.write_all(&answer)
}

/// Answers with an error and ends the connection. Reads the rest of the request first, since
/// otherwise the client might miss the answer.
fn refuse(mut stream: &TcpStream, status: u16) -> io::Result<()> {
    respond(stream, status, b"", true)?;
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

/// Makes ureq use gort's sockets. For `https` use `Gort.chain(RustlsConnector::default())`.
#[derive(Debug)]
struct Gort;

#[derive(Debug)]
struct Connected {
    stream: TcpStream,
    buffers: LazyBuffers,
}

/// Converts a time-out of ureq to a deadline, if there is a time-out.
fn deadline(timeout: NextTimeout) -> Option<Instant> {
    timeout
        .not_zero()
        .and_then(|left| Instant::now().checked_add(*left))
}

/// Converts a socket's error to ureq's.
fn failed(timeout: NextTimeout) -> impl Fn(io::Error) -> ureq::Error {
    move |e| match e.kind() {
        ErrorKind::TimedOut => ureq::Error::Timeout(timeout.reason),
        _ => e.into(),
    }
}

impl Connector for Gort {
    type Out = Connected;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Connected>, ureq::Error> {
        let addrs: Vec<SocketAddr> = details.addrs.iter().copied().collect();
        let background = Context::background();
        let ctx = match deadline(details.timeout) {
            Some(at) => background.with_deadline(at).0,
            None => background,
        };
        let stream =
            TcpStream::connect_context(&ctx, &addrs[..]).map_err(failed(details.timeout))?;
        stream.set_nodelay(details.config.no_delay())?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Connected { stream, buffers }))
    }
}

impl Transport for Connected {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = timeout.for_write();
        self.stream.set_write_deadline(deadline(timeout))?;
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output).map_err(failed(timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = timeout.for_read();
        self.stream.set_read_deadline(deadline(timeout))?;
        let n = self
            .stream
            .read(self.buffers.input_append_buf())
            .map_err(failed(timeout))?;
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    fn is_open(&mut self) -> bool {
        // On an open connection nothing arrives between answers, not even the end.
        let idle =
            |_| matches!(self.stream.peek(&mut [0]), Err(e) if e.kind() == ErrorKind::WouldBlock);
        let open = self.stream.set_nonblocking(true).is_ok_and(idle);
        open && self.stream.set_nonblocking(false).is_ok()
    }
}
