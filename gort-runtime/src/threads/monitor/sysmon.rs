//! The thread that delivers signals, prints a report at SIGQUIT, and looks for deadlocks.
//!
//! A byte in a socket pair wakes it. Under Miri it is not started: a program there gets no signals,
//! and Miri itself reports deadlocks, and threads that are left at the end.

use super::deadlock::DeadlockCheck;
use crate::os;
use crate::report::quit::quit_if_asked;
use crate::sched::state::SCHED;
use crate::signal::{catch, mask};
use std::io::Read;
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

/// Interval at which the thread looks for deadlocks.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Starts the thread. Called once.
pub(crate) fn start() {
    if cfg!(miri) {
        return;
    }
    let started = UnixStream::pair().and_then(|(read, write)| {
        write.set_nonblocking(true)?;
        read.set_read_timeout(Some(CHECK_INTERVAL))?;
        thread::Builder::new()
            .name("gort-signals".into())
            .spawn(move || run(read))?;
        SCHED.sysmon.wake_by(write.into_raw_fd());
        Ok(())
    });
    if let Err(e) = started {
        os::write_stderr(
            format!("gort: cannot start a thread, so signals will not be noticed: {e}\n")
                .as_bytes(),
        );
    }
}

fn run(mut read: UnixStream) {
    mask::begin();
    let mut deadlock_check = DeadlockCheck::default();
    let mut bytes = [0; 64];
    loop {
        if read.read(&mut bytes).is_err() {
            // Nothing has arrived for some time.
            deadlock_check.run();
        }
        quit_if_asked();
        mask::update();
        catch::deliver();
    }
}
