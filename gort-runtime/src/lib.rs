//! The scheduler of [gort]: goroutines on native stacks, many on a few threads.
//!
//! This crate has no channels and no locks for users. `gort-sync` builds them on [`Current::park`]
//! and [`Waiter::ready`]. Users depend on `gort`.
//!
//! The modules, with policy above and data below:
//!
//! ```text
//! api/          builder           the main goroutine: `RuntimeBuilder`, `run`
//! api/          start procs       starting the runtime on first use · changing the number of Ps
//! api/          trace             traces of the running program
//! api/          handle            `Builder`, `JoinHandle`: starting and joining goroutines
//! api/          goroutine         a goroutine's identity: its number and its name
//! api/          joinerror         why a goroutine has no result
//! api/          join_future       a join handle as a future
//! api/          scope             goroutines that may borrow from their parent
//! api/          blocking          announced blocking calls
//! api/          system_stack      calls on g0's stack
//! api/          lock_thread       wiring a goroutine to its thread
//! api/          thread_locals     whether goroutines have thread-locals of their own
//! api/          on_thread         an allocator with caches for each thread
//! api/          local_key         `goroutine_local!`
//! api/          hooks             the hooks of a `run`
//! api/          signals pidfd     who delivers signals · whether pidfds are used
//! api/          synctest          bubbles: goroutines with a clock of their own
//! api/          keeper            the goroutine that acts when all in a bubble are blocked
//! api/          testrun           a test that runs as a goroutine
//! api/explore/  options           a program under many schedules: the options and the loop
//! api/explore/  strategy plans    how schedules are chosen · which one is next
//! api/explore/  run failure       running one schedule · reporting a failing one
//! report/       dump list         what every goroutine does: for users · as data
//! report/       print stack       the same as text · the stack of a parked goroutine
//! report/       symbols           names of code addresses, from debug information
//! report/       elf objects       reading ELF files · which loaded file has an address
//! report/       metrics           the scheduler in numbers
//! report/       schedtrace        `GORT_DEBUG=schedtrace`
//! report/       quit              the dump at SIGQUIT
//! report/       pending           the goroutines that timers will start
//! report/       others callers    reading stacks of goroutines that may be woken · of the caller
//! report/       functions         the functions of a stack: names and lines
//! report/       unwinder memory   walking another stack · reading memory that may change
//! profile/      goroutines        how many goroutines have each stack
//! profile/      members window    goroutines one by one, with stacks · the waits of a period
//! profile/      waits contention  the profiles of waits · recording waits
//! profile/      at_exit           writing profiles at exit if the environment asks for it
//! profile/      output pprof      writing profiles · encoding pprof's format
//! profile/      samples stacks    stacks with numbers · the names of their functions
//! signal/       catch             catching signals and releasing them
//! signal/       mask start        signals that were blocked · or ignored at the start
//! life/         newproc           starting a goroutine
//! life/         goexit            how a goroutine runs and ends
//! life/         join ending       waiting for its end: in `join` · in a select
//! life/         timed             goroutines that start at a given time
//! life/         local             goroutine-locals: access, inheritance, end
//! wait/         park ready        parking · making goroutines runnable from any thread
//! wait/         waiter maywait    what waits, as a word · whether the caller may wait
//! wait/         sleep iowait      waiting for a time · for a descriptor
//! wait/         outside           waiting for signals and helper threads
//! wait/         threadparker      how a plain thread waits
//! wait/         leave yields      leaving the stack without a park · yielding
//! wait/         collide           stepping back from lines that two Ps take from each other
//! wait/         ownp              code that keeps its P while it runs
//! wait/         point             where an explored schedule may switch goroutines
//! monitor/      sysmon            taking Ps from goroutines that do not make progress
//! monitor/      burst hogs        many that block at once · many that compute
//! monitor/      checkdead         detecting deadlocks
//! sched/        run find found    what runs next: the loop · the search · its result
//! sched/        due steal         running due timers · stealing from other Ps
//! sched/        crowd             searching for work if there are more Ps than cores
//! sched/        submit stop       submitting work · how an idle M sleeps
//! sched/        idle              the counters through which submitters find idle Ms
//! sched/        state allp        the global queue, lists of idle Ps and Ms · all Ps
//! sched/        hand visit        giving Ps to Ms · how thieves reach the queue of another P
//! sched/        newm thread       starting the threads of Ms
//! sched/        mstart            the life of a thread
//! sched/        inside g0call     entering and leaving the runtime · calls on g0
//! sched/        wire wired        wiring goroutines · how wired Ms get their Ps
//! sched/        migrate           changing threads on each run, for tests
//! sched/        procresize        changing the number of Ps
//! sched/        hold held         putting goroutines on hold · which ones are
//! sched/        starved           goroutines that wait for a stack
//! sched/        endwait           ending the waits of several goroutines
//! sched/        sysmonsleep       how sysmon sleeps and is woken
//! panics/       recover           `recover`
//! panics/       panicking         goroutines that exit or panic
//! panics/       unwind            catching panics, and which of several is caught
//! netpoll/      poll epoll        one network poll · its system calls
//! netpoll/      waiting           whether anything waits for the network
//! netpoll/      table desc        all descriptors · the words of one
//! time/         heap quad         the timers of a P · a 4-ary heap
//! time/         clock             the monotonic clock
//! record/       slab free         the memory of goroutines: slabs · a P's free records
//! bubble/       home clock        where a thing was created · the caller's clock
//! bubble/       due pool          the timers of a bubble · bubbles for reuse
//! bubble/       turn              which goroutine is queued when goroutines take turns
//! traced/       gate clock        whether a trace is written · the clock of events
//! traced/       event payload     what happened · where, and to which goroutine
//! traced/       log recorder      events on their way to the writer · an M's part
//! traced/       stamp record      a goroutine's part · the calls that record
//! traced/       budget            how much may be recorded
//! traced/       segment pool      a part of a log · those that are ready to be filled
//! perfetto/     session           traces as files: from start to stop
//! perfetto/     story slices      from events to what each goroutine and each P did
//! perfetto/     packets proto     Perfetto's packets · their bytes
//! perfetto/     quick             fast hashing
//! turns/        gate              whether any schedule is explored
//! turns/        explorer          whose turn it is
//! turns/        schedule steps    one schedule while it runs · the steps done so far
//! turns/        choice chooser    a choice · the interface to all ways of choosing
//! turns/        pct seed          random choices · a schedule as a number
//! turns/        tree races        all schedules in turn · steps worth reordering
//! stack/        pool map          free stacks · regions of address space and guards
//! stack/        layout trim       the sizes in a slot · giving memory back
//! stack/        overflow          reporting stack overflows
//! stack/        identity          thread-locals that belong to a goroutine
//! stack/        setxid fork       `setuid` and `fork` with such goroutines
//! stack/        valgrind          registering stacks with valgrind
//! proc/         g m p             a goroutine · a thread · the right to run goroutines
//! proc/         tls               the M of this thread
//! proc/         stats stolennext  the counters of a P · whether its `runnext` is stolen
//! proc/         bind              taking and giving back records and stacks
//! proc/         gstatus           the states of a goroutine, and its owner in each
//! proc/         ownership         how other threads access or take the P of a busy M
//! proc/         runq gqueue       the run queue of a P · linked queues
//! proc/         waitreason        why a goroutine waits
//! proc/         locals hooks      goroutine-locals as data · calling hooks
//! proc/         bubble            whether all goroutines of a bubble are blocked
//! proc/         unwinding         the unwinding state of a goroutine
//! proc/         watcher           what watches for a goroutine's end
//! proc/         collisions        when a P steps back from cache lines
//! proc/         glimpse           observing a goroutine that waits and may be woken
//! base/         lock rawlock      data behind a lock that blocks the thread · the lock
//! base/         lockrank          the order of locks
//! base/         sleepers          counts of waiters that an unlocker might not see
//! base/         note barrier      a sleep for one thread · asymmetric fences
//! base/         config debug      settings of the process · `GORT_DEBUG`
//! base/         throw             `fatal` and `throw`
//! base/         prim shown        atomics, or loom's · pointers that others may read
//! base/         stackkind         which stacks are interchangeable
//! base/         forked hook       use in a forked child · what hooks must not do
//! base/         protobuf          writing protocol buffers
//! os/ arch/                       the operating system · the processor
//! arch/         asan              switches, announced to AddressSanitizer
//! os/           signals           signal actions and masks
//! os/           parking           a futex for systems that have none
//! os/           discard           giving memory back before it is freed
//! ```
//!
//! [gort]: https://docs.rs/gort

// Under loom the crate contains what the models explore, and stand-ins for the rest (`*_loom.rs`,
// `loom.rs`).
#![cfg_attr(loom, allow(dead_code, unused_imports, unreachable_pub))]
#![cfg_attr(
    gort_threads,
    allow(
        dead_code,
        unused_imports,
        reason = "where goroutines are threads, some of this has no users (`threads/README.md`)"
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
#[doc(hidden)]
pub use arch::prefetch_to_write;

#[cfg(not(loom))]
#[doc(hidden)]
pub use base::barrier::{heavy as heavy_barrier, is_asymmetric, light as light_barrier};

#[cfg(not(loom))]
#[doc(hidden)]
pub use base::sleepers::{Sleepers, mutex_sleepers};

#[cfg(not(loom))]
#[doc(hidden)]
pub use os::discard_memory;

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
    wait::collide::{collided, lock_stepping_back},
    wait::iowait::{Direction, Interrupted, PollDesc},
    wait::maywait::MayWait,
    wait::outside::WaitsOutside,
    wait::ownp::{get_p_back, on_own_p, try_on_own_p},
    wait::park::{Current, wait_for_ever},
    wait::point,
    wait::ready::{random, worth_spinning},
    wait::sleep::{sleep, sleep_until},
    wait::waiter::Waiter,
    wait::yields::yield_now,
};
