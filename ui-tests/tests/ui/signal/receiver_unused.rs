// The receiver is dropped at once, so the signal acts by default again.
#![deny(unused_must_use)]
use gort::signal::{Signal, notify};

fn main() {
    notify(&[Signal::SIGHUP]);
}
// fix: keep it: `let signals = notify(&[Signal::SIGHUP]);`.
