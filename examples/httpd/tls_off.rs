//! Replaces `tls.rs` without the feature `tls`.

use crate::connection::Server;
use crate::options::Options;
use gort::net::TcpStream;
use gort_examples::{Failure, Outcome};
use std::io;

/// Serves accepted connections without TLS.
#[derive(Clone)]
pub(crate) struct Acceptor;

impl Acceptor {
    pub(crate) fn new(options: &Options) -> Outcome<Self> {
        match options.identity {
            None => Ok(Self),
            Some(_) => Err(Failure::usage(
                "this httpd was built without --features tls",
            )),
        }
    }

    pub(crate) fn serve(&self, server: &Server, socket: &TcpStream) -> io::Result<()> {
        server.serve(socket, socket)
    }
}
