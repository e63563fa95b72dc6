//! The imports that most programs need: `use gort::prelude::*;`.

pub use crate::channel::{Receiver, RecvError, SendError, Sender, bounded, unbounded};
pub use crate::context::Context;
pub use crate::sync::{Mutex, WaitGroup};
pub use crate::time::{Ticker, sleep};
pub use crate::{JoinError, JoinHandle, defer, go, goexit, select, spawn, yield_now};
pub use std::time::{Duration, Instant};
