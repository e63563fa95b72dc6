//! Whether descriptors of processes are used.

use crate::base::debug;

/// False if `GORT_DEBUG=pidfd=off` says to do as on kernels without them.
#[must_use]
pub fn uses_pidfds() -> bool {
    !debug::options().no_pidfd
}
