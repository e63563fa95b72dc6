//! Whether process descriptors (pidfds) are used.

use crate::base::debug;

/// Returns `false` if `GORT_DEBUG=pidfd=off` asks to work as on kernels without them.
#[must_use]
pub fn uses_pidfds() -> bool {
    !debug::options().no_pidfd
}
