//! The command line.

use gort::prelude::*;
use gort_examples::args::{Arg, Args, duration, unknown};
use gort_examples::{Failure, Outcome};
use std::ffi::OsString;

/// How the program is called.
pub(crate) const USAGE: &str = "supervise [--restart always|failed|never] [--first TIME] [--most TIME] \
                                [--steady TIME] [--grace TIME] COMMAND…";

/// After which ends a command is started again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    Always,
    Failed,
    Never,
}

pub(crate) struct Options {
    pub(crate) restart: Restart,
    /// The first pause before a command is started again, and the longest. It doubles in between.
    pub(crate) first: Duration,
    pub(crate) most: Duration,
    /// A command that has run for this long begins with the first pause again.
    pub(crate) steady: Duration,
    /// How long a command may take to end after SIGTERM.
    pub(crate) grace: Duration,
    /// Command lines for the shell.
    pub(crate) commands: Vec<OsString>,
}

impl Options {
    pub(crate) fn parse(args: &[OsString]) -> Outcome<Self> {
        let mut options = Self {
            restart: Restart::Always,
            first: Duration::from_millis(100),
            most: Duration::from_secs(30),
            steady: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            commands: Vec::new(),
        };
        let mut args = Args::new(args);
        while let Some(arg) = args.take()? {
            match arg {
                Arg::Option(name @ "restart") => {
                    options.restart = match args.value(name)?.to_str() {
                        Some("always") => Restart::Always,
                        Some("failed") => Restart::Failed,
                        Some("never") => Restart::Never,
                        _ => return Err(Failure::usage("--restart wants always, failed or never")),
                    }
                }
                Arg::Option(name @ "first") => options.first = duration(args.value(name)?)?,
                Arg::Option(name @ "most") => options.most = duration(args.value(name)?)?,
                Arg::Option(name @ "steady") => options.steady = duration(args.value(name)?)?,
                Arg::Option(name @ "grace") => options.grace = duration(args.value(name)?)?,
                Arg::Option(name) => return Err(unknown(name)),
                Arg::Word(command) => options.commands.push(command.to_owned()),
            }
        }
        if options.commands.is_empty() {
            return Err(Failure::usage("expected commands for the shell"));
        }
        Ok(options)
    }
}
