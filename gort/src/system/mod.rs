//! Where systems differ. The same names for each; the contracts are told at Linux's.

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
