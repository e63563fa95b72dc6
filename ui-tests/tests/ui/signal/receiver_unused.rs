// The receiver is dropped at once, so the signal has its default effect again.
#![deny(unused_must_use)]
use gort::signal::{Signal, notify};

fn main() {
    notify(&[Signal::SIGHUP]);
}
// fix: keep the receiver: `let signals = notify(&[Signal::SIGHUP]);`.
