//! What differs between operating systems. Each file defines the same names; `linux.rs` documents
//! their contracts.

#[cfg(not(target_os = "macos"))]
#[path = "linux.rs"]
mod imp;

#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod imp;

pub(crate) use imp::{
    Bell, READ_EVENTS, abstract_name, family, is_listener, last_signal, peer, pidfd_id, pidfd_kill,
    pidfd_open, stream_socket,
};
