//! What an expansion of `select!` needs, without the runtime, so that Miri can run it. (Miri runs
//! no assembly and few system calls.)
//!
//! These parts are the real ones: the macro, the arms that send (`select/send.rs`, which says where
//! values lie and what drops them), `Selectable`, and the functions that the macro calls
//! (`select/macro_support.rs`). The choice and the channels, which work on one thread only, are
//! stand-ins. [`while_parked`] sets what happens while a select waits.

extern crate self as gort_runtime;

pub mod channel;
mod select;
mod sudog;
mod waitqueue;

use std::cell::RefCell;

pub use channel::{Receiver, RecvError, SendError, Sender, bounded};
pub use gort_macros::{select, select_biased};

/// Stands in for a runtime type that the real files name, but never examine here.
#[derive(Debug)]
pub struct RawLock;
#[derive(Clone, Copy, Debug)]
pub struct Waiter;
#[derive(Clone, Copy, Debug)]
pub struct Home;

impl Home {
    pub fn here() -> Self {
        Self
    }
}

pub type Nanos = u64;

#[doc(hidden)]
pub mod __macro {
    pub use crate::select::macro_support::{
        AsSource, AsTarget, Operand, moved_out, recv, recv_if, send, send_if, send_late,
        send_late_if, send_place, send_place_if,
    };
    pub use crate::select::{Order, Wait, block_forever, choose as select};
}

thread_local! {
    static PEER: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Runs `peer` in the next select that has to wait.
pub fn while_parked(peer: impl FnOnce() + 'static) {
    PEER.set(Some(Box::new(peer)));
}
