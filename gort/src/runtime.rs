//! The runtime: configuring it, and looking at it.
//!
//! There is one per process; it starts on first use. In the environment,
//! `GORT_MAXPROCS` sets how many goroutines run at the same time, `GORT_STACK` the bytes
//! that each stack has, and `GORT_PANIC=abort` makes an uncaught panic end the process. `GORT_PROFILE=PREFIX` has
//! [profiles](profile) written at the end.
//!
//! `GORT_TRACE=file` writes a [`trace`] of the whole program. A child process that has the variable too writes to the
//! same file; have it removed there.
//!
//! SIGQUIT (`Ctrl-\`) prints every goroutine and exits with status 2, as in Go, unless the
//! program itself ignores or handles that signal when the runtime starts, or asks for it by [`signal`](crate::signal). That
//! it was ignored when the process was started, as by a shell's `server &`, does not count.
//!
//! `GORT_DEBUG` takes a comma-separated list of options:
//!
//! | option | what it does |
//! |---|---|
//! | `seed=N` | the Ps' random generators, which order `select!` and stealing, begin with N: a program on 1 P, with no other source of chance, makes the same choices again |
//! | `migrate=always` | a goroutine runs on another thread each time it has waited: finds code that holds something of its thread's across a wait |
//! | `threadlocals=own` | goroutines have thread-locals of their own, as by [`own_thread_locals`](Builder::own_thread_locals) |
//! | `schedtrace=MS` | every MS milliseconds a line on stderr in the form of Go's: Ps, threads, queue lengths |
//! | `scheddetail=1` | with `schedtrace`: also a line for each P, thread and goroutine |
//! | `backtrace=1` | dumps and reports show the stack of each parked goroutine (addresses, without the feature `backtrace`); waking one costs a little more |
//! | `guard=mprotect` | makes the guards of stacks as on kernels before Linux 6.13 |
//! | `pidfd=off` | children are waited for as on kernels before Linux 5.4, by a thread each |
//! | `membarrier=off` | does without that system call |

pub use gort_runtime::{
    GoroutineInfo, GoroutineState, LatencyHistogram, Metrics, RuntimeBuilder as Builder,
    WaitReason, dump, goroutines, max_procs, metrics, num_goroutines, own_thread_locals, profile,
    set_max_procs, trace,
};

/// Runs `main` as the main goroutine and returns its result; other goroutines are not
/// waited for. What `#[gort::main]` does.
///
/// Several threads may call it at once, and goroutines too. A deadlock is reported when all mains are stuck and no
/// thread is there that does something else.
///
/// # Panics
/// With `main`'s own panic; and if the main goroutine cannot be started.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// // In a program whose `main` is not gort's.
/// let sum = gort::runtime::run(|| {
///     let (tx, rx) = bounded(0);
///     go!(move || (1..=3).try_for_each(|n| tx.send(n)));
///     rx.iter().sum::<i32>()
/// });
/// assert_eq!(sum, 6);
/// ```
#[track_caller]
pub fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().run(main)
}
