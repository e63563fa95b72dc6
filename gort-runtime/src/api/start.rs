//! Starts the runtime, once, on first use.

use crate::arch;
use crate::base::barrier;
use crate::base::config::{CONFIG, Config, setting};
use crate::base::debug;
use crate::base::forked;
use crate::base::sleepers;
use crate::base::stackkind::StackKind;
use crate::monitor::sysmon;
use crate::panics::panicking;
use crate::perfetto::session;
use crate::proc::gstatus;
use crate::profile::at_exit;
use crate::report::quit;
use crate::sched::crowd;
use crate::sched::state::SCHED;
use crate::signal::start as signal;
use crate::stack;
use std::thread;

/// Settings that a program may choose before the runtime starts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) procs: Option<usize>,
    pub(crate) stack: Option<usize>,
    pub(crate) threads: Option<usize>,
    pub(crate) abort_on_panic: Option<bool>,
    pub(crate) own_thread_locals: bool,
}

/// Maximum number of Ps. A larger number is assumed to be a mistake.
pub(crate) const MAX_PROCS: usize = 1024;

/// Starts the runtime if it has not been started, and returns its configuration.
#[inline]
pub(crate) fn ensure_started() -> &'static Config {
    match CONFIG.get() {
        Some(config) => config,
        None => start(Settings::default()),
    }
}

/// Starts the runtime with these settings, which the environment overrides. Has no effect if the
/// runtime has been started before.
#[cold]
pub(crate) fn start(settings: Settings) -> &'static Config {
    let mut starts_now = false;
    let config = CONFIG.get_or_init(|| {
        starts_now = true;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        crowd::set_cores(cores);
        let procs = setting("GORT_MAXPROCS", "a number from 1 to 1024", parse_procs)
            .or(settings.procs)
            .unwrap_or(cores);
        let stack = setting(
            "GORT_STACK",
            "a number of bytes, 1073741824 at most",
            |text| text.parse().ok().filter(|&n| n <= stack::MAX_STACK),
        )
        .or(settings.stack)
        .unwrap_or(stack::DEFAULT_STACK);
        let abort_on_panic = setting("GORT_PANIC", "`abort` or `isolate`", parse_panic)
            .or(settings.abort_on_panic)
            .unwrap_or(false);
        panicking::install_hook(abort_on_panic);
        let debug = debug::options();
        arch::probe_thread_pointer();
        let own = settings.own_thread_locals || debug.own_thread_locals;
        if own {
            stack::ensure_identities();
        }
        let procs = procs.clamp(1, MAX_PROCS) as u32;
        if barrier::init(!debug.no_membarrier) {
            sleepers::rely_on_heavy_barriers();
        }
        stack::install_overflow_handler();
        gstatus::allow_observers(debug.backtrace);
        let mut shared = SCHED.shared.lock();
        if let Some(threads) = settings.threads {
            shared.max_threads = u32::try_from(threads).unwrap_or(u32::MAX);
        }
        shared.set_procs(procs);
        drop(shared);
        forked::watch_forks();
        sysmon::start();
        signal::reset_ignored();
        quit::install();
        at_exit::install();
        Config {
            stack: StackKind {
                size_log2: stack::validate_size(stack.min(stack::MAX_STACK)).unwrap_or(18),
                own,
            },
            always_migrates: debug.always_migrates,
            abort_on_panic,
        }
    });
    if starts_now {
        session::start_if_asked();
    }
    config
}

fn parse_procs(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| (1..=MAX_PROCS).contains(n))
}

fn parse_panic(text: &str) -> Option<bool> {
    match text {
        "abort" => Some(true),
        "isolate" => Some(false),
        _ => None,
    }
}

/// Returns how many Ps there are: how many goroutines can run at the same time. Go's
/// `runtime.GOMAXPROCS(0)`.
///
/// ```
/// use gort::runtime::max_procs;
///
/// let numbers: Vec<u64> = (1..=1000).collect();
/// let share = numbers.len().div_ceil(max_procs());
/// let sum: u64 = gort::scope(|s| {
///     let parts: Vec<_> = numbers
///         .chunks(share)
///         .map(|part| s.spawn(move || part.iter().sum::<u64>()))
///         .collect();
///     parts.into_iter().map(|part| part.join().unwrap()).sum()
/// });
/// assert_eq!(sum, 500_500);
/// ```
#[must_use]
pub fn max_procs() -> usize {
    ensure_started();
    SCHED.procs() as usize
}

/// Returns whether a panic that reaches a goroutine's root ends the process.
#[must_use]
pub fn aborts_on_panic() -> bool {
    ensure_started().abort_on_panic
}
