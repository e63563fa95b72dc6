// Only the system sends to a receiver of signals.
use gort::prelude::*;
use gort::signal::{Signal, ctrl_c};

fn main() {
    let signals = ctrl_c();
    select! {
        signals <- Signal::SIGINT => {}
    }
}
// fix: receive from it: `signal = <-signals => …`.
