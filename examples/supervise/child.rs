//! Runs one command: starts it, waits for it, and starts it again.

use crate::options::{Options, Restart};
use gort::prelude::*;
use gort::process::{Child, Command, ExitStatus, Stdio};
use gort::signal::Signals;
use std::io;
use std::sync::Arc;

/// How often to check, while a child runs, whether the program is to end. The end of a child is
/// noticed at once.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// How a command has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Successfully by itself, or when it was asked to.
    Well,
    Failed,
    /// It had to be killed.
    Killed,
}

/// Keeps one command running.
pub(crate) struct Keeper {
    pub(crate) number: usize,
    pub(crate) options: Arc<Options>,
    /// Done when the program is to end.
    pub(crate) ctx: Context,
    /// Done when the program is to end at once: commands that are still running are killed.
    pub(crate) hurry: Context,
    /// Says that the command is to be started anew.
    pub(crate) anew: Signals,
    pub(crate) log: Sender<String>,
}

/// Why the wait for a child has ended.
enum Stopped {
    Ended(ExitStatus),
    /// The child was asked to end, and did, or was killed.
    Asked {
        killed: bool,
    },
}

impl Keeper {
    /// Keeps the command running until it must not be started again.
    pub(crate) fn keep(&self) -> End {
        let mut pause = self.options.first;
        loop {
            let began = Instant::now();
            let failed = match self.run() {
                Ok(Stopped::Asked { killed }) if self.ctx.err().is_some() => {
                    return if killed { End::Killed } else { End::Well };
                }
                Ok(Stopped::Asked { .. }) => {
                    // After SIGHUP the command starts again at once, as if for the first time.
                    pause = self.options.first;
                    continue;
                }
                Ok(Stopped::Ended(status)) => {
                    self.say(&status.to_string());
                    !status.success()
                }
                Err(e) => {
                    self.say(&format!("cannot be run: {e}"));
                    true
                }
            };
            let again = match self.options.restart {
                Restart::Always => true,
                Restart::Failed => failed,
                Restart::Never => false,
            };
            if !again {
                return if failed { End::Failed } else { End::Well };
            }
            if began.elapsed() > self.options.steady {
                pause = self.options.first;
            }
            self.say(&format!("again in {pause:?}"));
            if self.ctx.sleep(pause).is_err() {
                return End::Well;
            }
            pause = (pause * 2).min(self.options.most);
        }
    }

    /// Runs the command once.
    fn run(&self) -> io::Result<Stopped> {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(&self.options.commands[self.number])
            .stdin(Stdio::null())
            // Ctrl-C in a terminal is for this process. Signals that this process sends are for all
            // processes that the command has started.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        self.say(&format!("runs, process {}", child.id()));
        loop {
            if let Some(status) = child.wait_timeout(CHECK_EVERY)? {
                return Ok(Stopped::Ended(status));
            }
            if self.ctx.err().is_some() || self.anew.try_recv().is_ok() {
                let killed = self.end(&mut child)?;
                return Ok(Stopped::Asked { killed });
            }
        }
    }

    /// Asks the command and all that it has started to end. Returns whether it had to be killed.
    fn end(&self, child: &mut Child) -> io::Result<bool> {
        let until = Instant::now() + self.options.grace;
        self.say("is asked to end");
        signal(child, "TERM")?;
        while Instant::now() < until && self.hurry.err().is_none() {
            if let Some(status) = child.wait_timeout(CHECK_EVERY)? {
                self.say(&format!("ended: {status}"));
                return Ok(false);
            }
        }
        signal(child, "KILL")?;
        child.wait()?;
        self.say("killed");
        Ok(true)
    }

    fn say(&self, what: &str) {
        // There is no receiver when the program cannot print any more.
        self.log.send(format!("[{}] {what}", self.number + 1)).ok();
    }
}

/// Sends a signal to the child's process group. The child leads the group and has not been reaped,
/// so its process id still identifies the group. A shell sends the signal, because calling `kill`
/// needs unsafe code.
fn signal(child: &Child, name: &str) -> io::Result<()> {
    let group = format!("-{}", child.id());
    let mut kill = Command::new("sh");
    // It is no failure if all processes are gone.
    kill.args([
        "-c",
        "kill -s \"$0\" -- \"$1\" 2>/dev/null || true",
        name,
        &group,
    ]);
    kill.status().map(drop)
}
