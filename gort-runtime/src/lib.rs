//! The scheduler of [gort]: goroutines on native stacks, many on a few threads.
//!
//! This crate knows no channels and no locks; `gort-sync` builds them on
//! [`Current::park`] and [`Waiter::ready`]. Users depend on `gort`.
//!
//! ```text
//! schedinit handle                start-up · goroutines as users see them
//! goexit newproc sleep park       ends · starts · waiting
//! schedule/ (run find steal wake) mstart system_stack
//! sched                           global queue, idle lists
//! tls  p  m                       who is running here · processor · thread
//! runq gqueue time/ join          queues, timers, the join word
//! g stack/                        a goroutine and where it lives
//! lock note gstatus waitreason threadparker
//! os/ arch/ throw prim
//! ```
//!
//! [gort]: https://docs.rs/gort

// Under loom only the protocol modules exist.
#[cfg(not(loom))]
mod arch;
#[cfg(not(loom))]
mod barrier;
#[cfg(not(loom))]
mod checkdead;
#[cfg(not(loom))]
mod dump;
#[cfg(not(loom))]
mod g;
#[cfg(not(loom))]
mod goexit;
#[cfg(not(loom))]
mod gqueue;
#[cfg(not(loom))]
mod gstatus;
#[cfg(not(loom))]
mod handle;
#[cfg(not(loom))]
mod inside;
mod join;
mod lock;
#[cfg(not(loom))]
mod m;
#[cfg(not(loom))]
mod mstart;
#[cfg(not(loom))]
mod newproc;
#[cfg(not(loom))]
mod note;
#[cfg(not(loom))]
mod os;
mod ownership;
#[cfg(not(loom))]
mod p;
#[cfg(not(loom))]
mod panicking;
#[cfg(not(loom))]
mod park;
mod prim;
mod runq;
#[cfg(not(loom))]
mod sched;
#[cfg(not(loom))]
mod schedinit;
mod schedule;
#[cfg(not(loom))]
mod scope;
#[cfg(not(loom))]
mod sleep;
#[cfg(not(loom))]
mod stack;
#[cfg(not(loom))]
mod syscall;
#[cfg(not(loom))]
mod sysmon;
#[cfg(not(loom))]
mod system_stack;
#[cfg(not(loom))]
mod threadparker;
#[cfg(not(loom))]
mod throw;
#[cfg(not(loom))]
mod time;
#[cfg(not(loom))]
mod tls;
#[cfg(not(loom))]
mod traceback;
#[cfg(not(loom))]
mod waitreason;
#[cfg(not(loom))]
mod wire;

#[cfg(all(loom, test))]
mod tests;

pub use lock::{Lock, LockGuard, RawLock};

#[cfg(not(loom))]
pub use {
    dump::dump,
    goexit::{goexit, is_goexit, num_goroutines},
    handle::{Builder, Goroutine, GoroutineId, JoinError, JoinHandle, current, spawn, try_current},
    panicking::{replace_panic, take_replacement},
    park::{Current, Waiter, wait_for_ever, yield_now},
    schedinit::{RuntimeBuilder, aborts_on_panic, max_procs},
    schedule::{random, worth_spinning},
    scope::{Scope, ScopedJoinHandle, scope},
    sleep::{sleep, sleep_until},
    syscall::blocking,
    system_stack::on_system_stack,
    throw::fatal,
    time::{Nanos, deadline_after, nanos_of, now},
    traceback::{GoroutineInfo, GoroutineState, goroutines},
    waitreason::WaitReason,
    wire::{OsThreadLock, lock_os_thread},
};
