//! Configures and inspects the runtime.
//!
//! There is one runtime per process. It starts on first use. Three environment variables configure
//! it: `GORT_MAXPROCS` sets how many goroutines run at the same time, `GORT_STACK` sets the size of
//! each stack in bytes, and `GORT_PANIC=abort` makes an uncaught panic end the process.
//!
//! Two more variables make the program write files: with `GORT_PROFILE=PREFIX` it writes
//! [profiles](profile) when it ends, and with `GORT_TRACE=file` a [`trace`] of its whole run. A
//! child process that inherits `GORT_TRACE` writes to the same file, so remove the variable from
//! the child's environment.
//!
//! SIGQUIT (`Ctrl-\`) prints every goroutine and exits with status 2, as in Go, unless the program
//! itself ignores or handles that signal when the runtime starts, or asks for it with
//! [`signal`](crate::signal). If the signal was already ignored when the process was started, as
//! with a shell's `server &`, the dump is printed all the same.
//!
//! `GORT_DEBUG` takes a comma-separated list of options:
//!
//! | option | what it does |
//! |---|---|
//! | `seed=N` | seeds the Ps' random generators, which order `select!` and stealing, with N: a program on 1 P, with no other source of randomness, makes the same choices again |
//! | `migrate=always` | moves a goroutine to another thread each time it has waited: finds code that keeps something of its thread across a wait |
//! | `threadlocals=own` | gives goroutines their own thread-locals, like [`own_thread_locals`](Builder::own_thread_locals) |
//! | `schedtrace=MS` | prints a line on stderr every MS milliseconds, in the format of Go's `schedtrace`: Ps, threads, queue lengths |
//! | `scheddetail=1` | with `schedtrace`: also prints a line for each P, thread and goroutine |
//! | `backtrace=1` | adds the stack of each parked goroutine to dumps and reports (addresses only, without the feature `backtrace`); waking a goroutine costs a little more |
//! | `guard=mprotect` | makes the guards of stacks as on kernels before Linux 6.13 |
//! | `pidfd=off` | waits for children as on kernels before Linux 5.4, with one thread for each |
//! | `membarrier=off` | does not use the system call `membarrier` |

pub use gort_runtime::{
    GoroutineInfo, GoroutineState, LatencyHistogram, Metrics, RuntimeBuilder as Builder,
    WaitReason, dump, goroutines, max_procs, metrics, num_goroutines, own_thread_locals, profile,
    set_max_procs, trace,
};

/// Runs `main` as the main goroutine and returns its result, without waiting for other goroutines.
/// `#[gort::main]` does the same.
///
/// Several threads may call it at once, and so may goroutines. A deadlock is reported when all main
/// goroutines are stuck and no thread does anything else.
///
/// # Panics
/// Panics with `main`'s own panic, and if the main goroutine cannot be started.
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
