//! Who hands out signals.

use super::start::ensure_started;
use crate::signal::catch;

/// Has `hand_out` called, on the monitor's thread, when a signal has come that is caught. The first call counts.
pub fn on_caught_signals(hand_out: fn()) {
    ensure_started();
    catch::set_hand_out(hand_out);
}
