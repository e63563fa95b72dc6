//! The scheduler of [gort]: goroutines on native stacks, many on a few threads.
//!
//! This crate knows no channels and no locks; `gort-sync` builds them on
//! [`Current::park`] and [`Waiter::ready`]. Users depend on `gort`.
//!
//! ```text
//! schedinit testrun                    the main goroutine, RuntimeBuilder · a test's goroutine
//! handle scope sleep system_stack dump goroutines as users see them
//! timed                                goroutines that are started at a time
//! iowait ending                        waiting for sockets · for a goroutine's end, in a select
//! start                                start-up, on first use
//! park newproc goexit sysmon           waiting · starts · ends · taking Ps from the busy
//! ready wire                           submitting from anywhere · wiring to a thread
//! inside syscall                       entering and leaving the runtime, with or without a P
//! hogs burst                           how many threads may compute without a P · many that block at once
//! schedule/ procresize                 what runs next: run find due steal wake mstart migrate pinned · fewer, more Ps
//! schedtrace quit checkdead            reports: regularly, at SIGQUIT, of deadlocks
//! metrics blocks traceback stacktrace  what everybody is doing
//! sched allp held                      global queue, idle lists · who is on hold
//! g m p  tls maywait g0call stats shown goroutine · thread · processor · who runs here, and may wait · counts
//! netpoll/                             who waits for which descriptor
//! stack/ time/ gqueue home             where goroutines live, sleep, queue
//! panicking unwind                     exits and panics · catching them, and which is caught
//! idle ownership runq join gstatus     the protocols, which loom explores
//! waiter                               a goroutine or a thread that waits, as a word
//! lock note threadparker               what blocks a thread
//! config debug goroutine waitreason    settings, names
//! os/ arch/ barrier throw prim
//! ```
//!
//! [gort]: https://docs.rs/gort

// Under loom only the protocol modules exist.
#[cfg(not(loom))]
mod allp;
#[cfg(not(loom))]
mod arch;
#[cfg(not(loom))]
mod barrier;
#[cfg(not(loom))]
mod blocks;
#[cfg(not(loom))]
mod burst;
#[cfg(not(loom))]
mod checkdead;
#[cfg(not(loom))]
mod config;
#[cfg(not(loom))]
mod debug;
#[cfg(not(loom))]
mod dump;
#[cfg(not(loom))]
mod ending;
#[cfg_attr(loom, path = "g_loom.rs")]
mod g;
#[cfg(not(loom))]
mod g0call;
#[cfg(not(loom))]
mod goexit;
#[cfg(not(loom))]
mod goroutine;
mod gqueue;
#[cfg(not(loom))]
mod gstatus;
#[cfg(not(loom))]
mod handle;
#[cfg(not(loom))]
mod held;
#[cfg(not(loom))]
mod hogs;
mod home;
mod idle;
#[cfg(not(loom))]
mod inside;
#[cfg(not(loom))]
mod iowait;
mod join;
mod lock;
#[cfg(not(loom))]
mod m;
#[cfg(not(loom))]
mod maywait;
#[cfg(not(loom))]
mod metrics;
mod netpoll;
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
#[cfg(not(loom))]
mod procresize;
#[cfg(not(loom))]
mod quit;
#[cfg(not(loom))]
mod ready;
mod runq;
#[cfg(not(loom))]
mod sched;
#[cfg(not(loom))]
mod schedinit;
#[cfg(not(loom))]
mod schedtrace;
#[cfg(not(loom))]
mod schedule;
#[cfg(not(loom))]
mod scope;
#[cfg(not(loom))]
mod shown;
#[cfg(not(loom))]
mod sleep;
#[cfg(not(loom))]
mod stack;
#[cfg(not(loom))]
mod stacktrace;
#[cfg(not(loom))]
mod start;
#[cfg(not(loom))]
mod stats;
#[cfg(not(loom))]
mod syscall;
#[cfg(not(loom))]
mod sysmon;
#[cfg(not(loom))]
mod system_stack;
#[cfg(not(loom))]
mod testrun;
#[cfg(not(loom))]
mod threadparker;
#[cfg(not(loom))]
mod throw;
#[cfg(not(loom))]
mod time;
#[cfg(not(loom))]
mod timed;
#[cfg(not(loom))]
mod tls;
#[cfg(not(loom))]
mod traceback;
#[cfg(not(loom))]
mod unwind;
#[cfg(not(loom))]
mod waiter;
#[cfg(not(loom))]
mod waitreason;
#[cfg(not(loom))]
mod wire;

#[cfg(all(loom, test))]
mod tests;

pub use lock::{Lock, LockGuard, RawLock};

#[cfg(not(loom))]
pub use {
    dump::{dump, dump_some},
    ending::Ending,
    goexit::goexit,
    goroutine::{Goroutine, GoroutineId},
    handle::{Builder, JoinError, JoinHandle, current, current_root, spawn, try_current},
    iowait::{Direction, Interrupted, PollDesc},
    maywait::MayWait,
    metrics::{LatencyHistogram, Metrics, metrics},
    panicking::{go_on_exiting, is_goexit, must_exit},
    park::{Current, wait_for_ever, yield_now},
    procresize::set_max_procs,
    ready::{random, worth_spinning},
    sched::num_goroutines,
    schedinit::RuntimeBuilder,
    scope::{Scope, ScopedJoinHandle, scope},
    sleep::{sleep, sleep_until},
    start::{aborts_on_panic, max_procs},
    syscall::blocking,
    system_stack::on_system_stack,
    testrun::TestRun,
    throw::fatal,
    time::{Nanos, deadline_after, nanos_of, now},
    timed::{Timed, TimedCall},
    traceback::{GoroutineInfo, GoroutineState, goroutines},
    unwind::{catch, deferred, discard, raise, recover},
    waiter::{Waiter, Watcher},
    waitreason::WaitReason,
    wire::{OsThreadLock, lock_os_thread},
};
