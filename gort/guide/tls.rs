//! A server that echoes lines over TLS, with clients that use rustls's own stream, a deadline, and
//! a stream that two goroutines share.

use gort::net::{Shutdown, TcpListener, TcpStream};
use gort::prelude::*;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
    StreamOwned,
};
use std::error::Error;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

#[gort::main]
fn main() -> Result<(), Box<dyn Error>> {
    let (server, client) = configs()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    go!(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            go!(clone [server]; move || echo(stream, server));
        }
    });

    let clients: Vec<_> = (0..100)
        .map(|n| go!(clone [client]; move || ask(addr, client, n)))
        .collect();
    for client in clients {
        client.join()??;
    }
    println!("100 clients had their lines back");

    let mut stream = connect(addr, client.clone())?;
    let deadline = Instant::now() + Duration::from_millis(100);
    stream.sock.set_read_deadline(Some(deadline))?;
    let silence = stream.read(&mut [0]).unwrap_err();
    assert_eq!(silence.kind(), ErrorKind::TimedOut);
    // The time-out has lost nothing, even if it came in the middle of the handshake.
    stream.sock.set_read_deadline(None)?;
    stream.write_all(b"still there\n")?;
    stream.conn.send_close_notify();
    assert_eq!(io::read_to_string(&mut stream)?, "still there\n");
    println!("a deadline has passed, and the connection still works");

    let duplex = Arc::new(Duplex::new(connect(addr, client)?)?);
    let sent = b"up and down\n".repeat(100_000);
    let writer = go!(clone [duplex, sent]; move || (&*duplex).write_all(&sent).and_then(|()| duplex.end_output()));
    let received = io::read_to_string(&*duplex)?;
    writer.join()??;
    assert_eq!(received.as_bytes(), sent);
    println!("{} bytes came back while others went", received.len());
    Ok(())
}

/// Creates the configurations of the server, which has a self-signed certificate, and of a client
/// that trusts only this server.
fn configs() -> Result<(Arc<ServerConfig>, Arc<ClientConfig>), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone())?;
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((Arc::new(server), Arc::new(client)))
}

/// Sends a client's lines back until the client ends, or is silent for too long.
fn echo(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    // Another handle to the same socket, to set deadlines.
    let socket = stream.try_clone()?;
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut lines = BufReader::new(StreamOwned::new(tls, stream));
    let mut line = String::new();
    loop {
        // Applies to the handshake as well, which takes place in the first read.
        socket.set_deadline(Some(Instant::now() + PATIENCE))?;
        if lines.read_line(&mut line)? == 0 {
            break;
        }
        lines.get_mut().write_all(line.as_bytes())?;
        line.clear();
    }
    // Tells the other end that nothing was cut off.
    lines.get_mut().conn.send_close_notify();
    lines.get_mut().flush()
}

/// Connects, but does not perform the handshake yet.
fn connect(
    addr: SocketAddr,
    config: Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(tls, TcpStream::connect(addr)?))
}

/// Sends a few lines, each after the previous one has come back.
fn ask(addr: SocketAddr, config: Arc<ClientConfig>, n: usize) -> io::Result<()> {
    let mut lines = BufReader::new(connect(addr, config)?);
    for m in 0..3 {
        let (asked, mut answer) = (format!("client {n}, line {m}\n"), String::new());
        lines.get_mut().write_all(asked.as_bytes())?;
        lines.read_line(&mut answer)?;
        assert_eq!(answer, asked);
    }
    Ok(())
}

/// A connection on which one goroutine reads while another writes.
struct Duplex {
    socket: TcpStream,
    /// Locked to encrypt and decrypt, but never while waiting for the socket.
    tls: Mutex<Connection>,
    /// Locked while waiting for the socket, so that records are sent in the order of their
    /// encryption.
    output: Mutex<()>,
}

impl Duplex {
    fn new<C: Into<Connection>>(stream: StreamOwned<C, TcpStream>) -> io::Result<Self> {
        let (mut tls, mut socket) = (stream.conn.into(), stream.sock);
        while tls.is_handshaking() || tls.wants_write() {
            tls.complete_io(&mut socket)?;
        }
        Ok(Self {
            socket,
            tls: Mutex::new(tls),
            output: Mutex::new(()),
        })
    }

    /// Calls `encrypt`, and sends the records that it produces.
    fn send<R>(&self, encrypt: impl FnOnce(&mut Connection) -> R) -> io::Result<R> {
        let _turn = self.output.lock();
        let mut records = Vec::new();
        let result = {
            let mut tls = self.tls.lock();
            let result = encrypt(&mut tls);
            while tls.wants_write() {
                tls.write_tls(&mut records)?;
            }
            result
        };
        (&self.socket).write_all(&records)?;
        Ok(result)
    }

    /// Tells the other end that this one sends nothing more.
    fn end_output(&self) -> io::Result<()> {
        self.send(|tls| tls.send_close_notify())?;
        self.socket.shutdown(Shutdown::Write)
    }
}

impl Read for &Duplex {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut records = [0; 4096];
        loop {
            match self.tls.lock().reader().read(buf) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            let n = (&self.socket).read(&mut records)?;
            let mut records = &records[..n];
            let mut tls = self.tls.lock();
            // An empty read is the end, which rustls has to see too.
            while tls.read_tls(&mut records)? > 0 && !records.is_empty() {}
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl Write for &Duplex {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.send(|tls| tls.writer().write(buf))?
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
