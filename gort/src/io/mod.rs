//! What waits for descriptors.

pub(crate) mod source;
