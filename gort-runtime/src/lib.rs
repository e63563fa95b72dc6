//! The scheduler of [gort]: goroutines on native stacks, many on a few threads.
//!
//! This crate knows no channels and no locks; `gort-sync` builds them on
//! [`Current::park`] and [`Waiter::ready`]. Users depend on `gort`.
//!
//! ```text
//! api/      builder start procs                what a program sets · start-up, on first use · more, fewer Ps
//! api/      handle joinerror scope goroutine   starting goroutines and waiting for their ends · those in a scope
//! api/      join_future                        awaiting an end
//! api/      blocking system_stack lock_thread  announced calls · calls on g0's stack · wiring to a thread
//! api/      testrun thread_locals on_thread    a test's goroutine · whose thread-locals goroutines, allocators have
//! api/      trace                              traces of the running program
//! api/      synctest keeper                    a bubble · who acts when nobody in it can run
//! api/explore/ options strategy plans run failure  a program under many schedules: the loop · how · which · one · how it fails
//! api/      signals pidfd local_key hooks      who hands out signals · whether descriptors of processes are used · `goroutine_local!` · hooks
//! report/   dump list print stack              what everybody is doing: for users · as data · as text · one's stack
//! report/   symbols elf objects                names of addresses: from debug information · which file has what · whose they are
//! report/   metrics schedtrace quit            figures · regularly · at SIGQUIT
//! report/   others callers functions           stacks of goroutines that may be woken · of the caller · what is on them
//! report/   unwinder memory                    walking a stack by unwind tables · reading it while others write
//! report/   pending                            what timers are going to start
//! profile/  goroutines waits contention        who is where · who has waited how long · recording that
//! profile/  members window                     goroutines one by one, with their stacks · the waits of some seconds
//! profile/  at_exit                            profiles for which the environment asks
//! profile/  output pprof samples stacks        writing profiles · as pprof has them · stacks with numbers · with names
//! signal/   catch mask start                   catching signals · that were blocked · or ignored
//! life/     local                              whose goroutine-locals, what is inherited, their end
//! life/     newproc goexit join ending timed   starts · ends · waiting for one: alone, in a select · starts at a time
//! wait/     park ready waiter maywait          waiting · submitting from anywhere · who waits, as a word · and may
//! wait/     sleep iowait outside threadparker  for a time · for sockets · for signals and helpers · plain threads
//! wait/     leave yields point                 leaving one's stack · yielding · where others may come first, if that is explored
//! monitor/  sysmon burst hogs checkdead        taking Ps from the busy · many that block or compute at once · deadlocks
//! sched/    run find due steal                 what runs next: the loop · places to look · timers · other Ps
//! sched/    submit stop hand newm thread mstart  submitting work · sleeping · giving Ps to Ms · their threads
//! sched/    inside g0call wire wired           entering and leaving the runtime · calls on g0 · wired Ms
//! sched/    migrate                            who changes threads each time it runs
//! sched/    procresize hold starved            how many Ps · putting on hold · who waits for a stack
//! sched/    state idle allp held found         global queue, idle lists · who looks, wakes · all Ps · who is on hold
//! sched/    endwait sysmonsleep                several waits end · when sysmon is woken
//! panics/   recover panicking unwind           catching panics, and which is caught · exits
//! netpoll/  poll waiting table desc epoll      who waits for which descriptor
//! time/     heap quad clock                    timers · a heap · time
//! record/   slab free                          what there is of a goroutine from spawn to join
//! bubble/   home clock due pool                whose thing it is · whose time · whom it wakes · bubbles
//! bubble/   turn                               who is queued when a member becomes runnable
//! traced/   gate clock event payload           whether a trace is written · its time · what happened · where, to whom
//! traced/   log recorder stamp record          events on their way · an M's · a G's · what is called
//! traced/   budget                             how much may be recorded
//! perfetto/ session story slices               traces as files: from start to stop · what happens · who does what
//! perfetto/ packets proto quick                packets · bytes · hashing
//! turns/    gate                               whether anybody explores schedules
//! turns/    explorer schedule steps            whose turn it is · who is in it · what was done
//! turns/    choice chooser pct seed            what is chosen from · ways to choose: at random · as a number
//! turns/    tree races                         all, one after the other · which steps might come in another order
//! stack/    pool map layout trim overflow      where goroutines run
//! stack/    identity setxid fork               thread-locals of their own
//! stack/    valgrind                           telling it of stacks
//! proc/     g m p tls stats bind               goroutine · thread · processor · who runs here · counts · getting a stack
//! proc/     gstatus ownership                  who owns a goroutine, a P
//! proc/     locals hooks                       what a goroutine keeps of its goroutine-locals · calling a program's hooks
//! proc/     bubble                             goroutines with a clock of their own: whether all of them are blocked
//! proc/     glimpse                            looking at a goroutine that waits, and may be woken
//! proc/     unwinding watcher                  what a goroutine keeps of its panics, of who waits for its end
//! proc/     runq gqueue waitreason             where goroutines queue · what they wait for
//! base/     lock lockrank note barrier         what blocks a thread · fences
//! base/     config stackkind debug shown throw prim  settings · pointers to look at · ways to fail · atomics, or loom's
//! base/     protobuf                           writing protocol buffers
//! base/     forked hook                        whether the other threads have stayed in a parent · what no hook may do
//! os/ arch/                                    the kernel · the processor
//! os/       signals parking                    what happens to signals · futexes of our own
//! ```
//!
//! [gort]: https://docs.rs/gort

// Under loom there is what the models explore, above stand-ins for the rest (`*_loom.rs`, `loom.rs`).
#![cfg_attr(loom, allow(dead_code, unused_imports, unreachable_pub))]
#![cfg_attr(
    gort_threads,
    allow(
        dead_code,
        unused_imports,
        reason = "where goroutines are threads there is less below than what some of this is for (`threads/README.md`)"
    )
)]

#[cfg(not(loom))]
mod api;
#[cfg_attr(gort_threads, path = "threads/arch.rs")]
mod arch;
mod base;
mod bubble;
mod life;
#[cfg_attr(gort_threads, path = "threads/monitor/mod.rs")]
mod monitor;
#[cfg_attr(gort_threads, path = "threads/netpoll/mod.rs")]
mod netpoll;
mod os;
#[cfg(not(loom))]
mod panics;
#[cfg(not(loom))]
mod perfetto;
mod proc;
#[cfg(not(loom))]
pub mod profile;
#[cfg_attr(loom, path = "record/loom.rs")]
#[cfg_attr(gort_threads, path = "threads/record.rs")]
mod record;
#[cfg(not(loom))]
mod report;
#[cfg_attr(gort_threads, path = "threads/sched/mod.rs")]
mod sched;
#[cfg(not(loom))]
mod signal;
#[cfg_attr(loom, path = "stack/loom.rs")]
#[cfg_attr(gort_threads, path = "threads/stack.rs")]
mod stack;
mod time;
mod traced;
mod turns;
mod wait;

#[cfg(all(loom, test))]
mod tests;

pub use base::lock::{Lock, LockGuard, RawLock};

#[cfg(not(loom))]
pub use {
    api::blocking::blocking,
    api::builder::RuntimeBuilder,
    api::explore,
    api::goroutine::{Goroutine, GoroutineId},
    api::handle::{Builder, JoinHandle, current, current_root, spawn, try_current},
    api::join_future::JoinFuture,
    api::joinerror::JoinError,
    api::local_key::{AccessError, LocalKey},
    api::lock_thread::{OsThreadLock, is_wired, lock_os_thread},
    api::on_thread::OnThread,
    api::pidfd::uses_pidfds,
    api::procs::set_max_procs,
    api::scope::{Scope, ScopedJoinHandle, scope},
    api::signals::on_caught_signals,
    api::start::{aborts_on_panic, max_procs},
    api::synctest,
    api::system_stack::on_system_stack,
    api::testrun::{TestRun, test_limit},
    api::thread_locals::{own_thread_locals, own_thread_locals_by_default},
    api::trace,
    base::throw::fatal,
    bubble::clock::{deadline_after, instant_now, nanos_of, now, real},
    bubble::home::Home,
    life::ending::Ending,
    life::goexit::goexit,
    life::timed::{Timed, TimedCall},
    monitor::checkdead::helper_thread_runs,
    panics::panicking::{go_on_exiting, is_goexit, must_exit},
    panics::recover::recover,
    panics::unwind::{catch, deferred, discard, raise},
    proc::hooks::check_in_debug_builds,
    proc::waitreason::WaitReason,
    proc::watcher::Watcher,
    profile::contention::{kept_waiting, wait_begins},
    profile::members::{Members, goroutines_with_stacks},
    profile::window::ProfileWindow,
    report::dump::{dump, dump_some},
    report::list::{GoroutineInfo, GoroutineState, goroutines},
    report::metrics::{LatencyHistogram, Metrics, metrics},
    report::pending::{PendingCall, pending_calls},
    sched::state::num_goroutines,
    signal::catch::{
        catch_signal, may_release_signals, pending_signals, release_signal, unblock_signals,
    },
    signal::start::ignored_by_children,
    time::Nanos,
    wait::iowait::{Direction, Interrupted, PollDesc},
    wait::maywait::MayWait,
    wait::outside::WaitsOutside,
    wait::park::{Current, wait_for_ever},
    wait::point,
    wait::ready::{random, worth_spinning},
    wait::sleep::{sleep, sleep_until},
    wait::waiter::Waiter,
    wait::yields::yield_now,
};
