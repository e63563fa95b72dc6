//! TLS between the socket and HTTP, by rustls, which reads and writes gort's sockets as it would
//! std's.

use crate::connection::{Server, Wire};
use crate::options::Options;
use gort::net::{Shutdown, TcpStream};
use gort_examples::{Failure, Outcome};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Write};
use std::sync::Arc;

/// Serves accepted connections, over TLS if there is a certificate.
#[derive(Clone)]
pub(crate) struct Acceptor {
    config: Option<Arc<ServerConfig>>,
}

impl Acceptor {
    /// Reads the certificate and its key, if they are given.
    pub(crate) fn new(options: &Options) -> Outcome<Self> {
        let Some((cert, key)) = &options.identity else {
            return Ok(Self { config: None });
        };
        let wrong = |what: &dyn std::fmt::Display, file: &std::path::Path| {
            Failure::Failed(format!("{file:?}: {what}"))
        };
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(|certs| certs.collect::<Result<Vec<_>, _>>())
            .map_err(|e| wrong(&e, cert))?;
        if chain.is_empty() {
            return Err(wrong(&"there is no certificate in it", cert));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|e| wrong(&e, key))?;
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(|e| wrong(&e, key))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Some(Arc::new(config)),
        })
    }

    /// Serves a connection to its end. The handshake is part of the first read, and has the
    /// deadline of that read.
    pub(crate) fn serve(&self, server: &Server, socket: &TcpStream) -> io::Result<()> {
        let Some(config) = &self.config else {
            return server.serve(socket, socket);
        };
        let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        server.serve(StreamOwned::new(tls, socket.try_clone()?), socket)
    }
}

impl Wire for StreamOwned<ServerConnection, TcpStream> {
    fn end_output(&mut self) -> io::Result<()> {
        // Tells the other end that nothing was cut off.
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.shutdown(Shutdown::Write)
    }
}
