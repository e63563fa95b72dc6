//! Sets the function that delivers signals to their receivers.

use super::start::ensure_started;
use crate::signal::catch;

/// Makes the monitor's thread call `deliver` when a caught signal has arrived. Only the first call
/// has an effect.
pub fn on_caught_signals(deliver: fn()) {
    ensure_started();
    catch::set_deliver(deliver);
}
