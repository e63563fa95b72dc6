//! The command line.

use gort_examples::args::{Arg, Args, unknown};
use gort_examples::{Failure, Outcome};
use std::ffi::OsString;
use std::path::PathBuf;

/// How the program is called.
pub(crate) const USAGE: &str =
    "httpd [--dir DIR] [--addr ADDRESS:PORT] [--cert FILE.pem --key FILE.pem]";

/// The options of the command line.
pub(crate) struct Options {
    /// The folder whose files are served.
    pub(crate) dir: PathBuf,
    pub(crate) addr: String,
    /// The certificate chain and its key, for TLS.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

impl Options {
    pub(crate) fn parse(args: &[OsString]) -> Outcome<Self> {
        let mut args = Args::new(args);
        let (mut dir, mut addr) = (PathBuf::from("."), "127.0.0.1:8080".to_owned());
        let (mut cert, mut key) = (None, None);
        while let Some(arg) = args.take()? {
            match arg {
                Arg::Option(name @ "dir") => dir = args.value(name)?.into(),
                Arg::Option(name @ "addr") => addr = args.value(name)?.to_string_lossy().into(),
                Arg::Option(name @ "cert") => cert = Some(args.value(name)?.into()),
                Arg::Option(name @ "key") => key = Some(args.value(name)?.into()),
                Arg::Option(name) => return Err(unknown(name)),
                Arg::Word(word) => {
                    return Err(Failure::usage(format!("unexpected argument {word:?}")));
                }
            }
        }
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err(Failure::usage("--cert and --key go together")),
        };
        Ok(Self {
            dir,
            addr,
            identity,
        })
    }
}
