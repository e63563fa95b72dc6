//! Sets the function that hands out signals.

use super::start::ensure_started;
use crate::signal::catch;

/// Makes the monitor's thread call `hand_out` when a caught signal has arrived. Only the first call
/// has an effect.
pub fn on_caught_signals(hand_out: fn()) {
    ensure_started();
    catch::set_hand_out(hand_out);
}
