//! Select: waits for the first of several operations. Exactly one takes place.
//!
//! - `arm.rs`: what an operation must offer ([`Arm`]); `case.rs`: makes sure that an arm is used
//!   once.
//! - `recv.rs`, `send.rs`, `promise.rs`: channel operations as arms; `join.rs`: a goroutine's end.
//! - `pass.rs`: the algorithm.
//! - `dynamic.rs`: [`Select`], whose operations are known only at run time.
//! - `macro_support.rs`: what `select!` expands to.

mod arm;
mod case;
mod dynamic;
#[cfg(not(loom))]
mod join;
pub mod macro_support;
mod operand;
mod pass;
mod promise;
mod recv;
mod send;

pub use arm::{Arm, Readiness, Selectable};
pub use case::{Case, OneShot};
pub use dynamic::{Select, SelectedOperation};
#[cfg(not(loom))]
pub use join::JoinArm;
pub use pass::{Order, Wait, block_forever, select};
pub use promise::PromiseArm;
pub use recv::ChanRecvArm;
pub use send::{SendArm, SendTarget};

pub use crate::sudog::SelectWord;
pub use crate::waitqueue::Wakes;
