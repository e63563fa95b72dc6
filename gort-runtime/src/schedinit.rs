//! Start-up: configuration, once, on first use; the main goroutine.

use crate::barrier;
use crate::checkdead::{self, MainRuns};
use crate::handle::{Builder, JoinError};
use crate::panicking;
use crate::sched::SCHED;
use crate::stack;
use crate::sysmon;
use std::io::{self, Write};
use std::panic;
use std::sync::OnceLock;
use std::thread;

/// Settings that hold for the life of the process.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) procs: u32,
    pub(crate) stack_log2: u8,
    /// `GORT_PANIC=abort`: a panic that reaches a goroutine's root ends the process.
    pub(crate) abort_on_panic: bool,
}

/// More Ps than this are a typing mistake.
const MAX_PROCS: usize = 1024;

static CONFIG: OnceLock<Config> = OnceLock::new();

/// The configuration; starts the runtime on first use.
#[inline]
pub(crate) fn config() -> &'static Config {
    match CONFIG.get() {
        Some(config) => config,
        None => start(Settings::default()),
    }
}

/// What a program may ask for before the runtime starts; see
/// [`runtime::Builder`](RuntimeBuilder).
#[derive(Clone, Copy, Debug, Default)]
struct Settings {
    procs: Option<usize>,
    stack: Option<usize>,
    abort_on_panic: Option<bool>,
}

#[cold]
fn start(settings: Settings) -> &'static Config {
    CONFIG.get_or_init(|| {
        let procs = setting("GORT_MAXPROCS", parse_procs)
            .or(settings.procs)
            .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let stack = setting("GORT_STACK", |v| {
            v.parse().ok().filter(|&n| n <= stack::MAX_STACK)
        })
        .or(settings.stack)
        .unwrap_or(stack::DEFAULT_STACK);
        let abort = setting("GORT_PANIC", |v| match v {
            "abort" => Some(true),
            "isolate" => Some(false),
            _ => None,
        });
        let abort_on_panic = abort.or(settings.abort_on_panic).unwrap_or(false);
        if abort_on_panic {
            panicking::take_note();
        }
        let procs = procs.clamp(1, MAX_PROCS) as u32;
        barrier::init(!debug_option("membarrier=off"));
        stack::install_overflow_handler();
        SCHED.init(procs);
        sysmon::start();
        Config {
            procs,
            stack_log2: stack::validate_size(stack.min(stack::MAX_STACK)).unwrap_or(18),
            abort_on_panic,
        }
    })
}

/// Reads an environment variable; a bad value is one clear line and the default.
fn setting<V>(name: &str, parse: impl FnOnce(&str) -> Option<V>) -> Option<V> {
    let text = std::env::var(name).ok()?;
    let value = parse(&text);
    if value.is_none() {
        let wants = match name {
            "GORT_MAXPROCS" => "a number from 1 to 1024",
            "GORT_STACK" => "a number of bytes, 1073741824 at most",
            _ => "`abort` or `isolate`",
        };
        // A closed stderr is no reason to fail.
        drop(writeln!(
            io::stderr(),
            "gort: {name}={text:?} is ignored: expected {wants}"
        ));
    }
    value
}

/// Whether `GORT_DEBUG` contains `option`.
pub(crate) fn debug_option(option: &str) -> bool {
    std::env::var("GORT_DEBUG").is_ok_and(|value| value.split(',').any(|o| o == option))
}

fn parse_procs(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| (1..=MAX_PROCS).contains(n))
}

/// How many Ps there are: how many goroutines run at the same time. Go's
/// `runtime.GOMAXPROCS(0)`.
#[must_use]
pub fn max_procs() -> usize {
    config().procs as usize
}

/// Whether a panic that reaches a goroutine's root ends the process.
#[must_use]
pub fn aborts_on_panic() -> bool {
    config().abort_on_panic
}

/// Configures the runtime before it starts. `GORT_MAXPROCS`, `GORT_STACK` and
/// `GORT_PANIC` in the environment win over what the program sets.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `run`"]
pub struct RuntimeBuilder {
    settings: Settings,
    main_stack: Option<usize>,
}

impl RuntimeBuilder {
    /// A builder with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many goroutines run at the same time; default: the CPUs that the process may use.
    pub fn max_procs(mut self, n: usize) -> Self {
        self.settings.procs = Some(n);
        self
    }

    /// Bytes reserved for each goroutine's stack, unless it asks for its own; the
    /// default is 256 KiB. The main goroutine has 8 MiB, or this if it is more.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.settings.stack = Some(bytes);
        self
    }

    /// Bytes reserved for the main goroutine's stack.
    pub fn main_stack_size(mut self, bytes: usize) -> Self {
        self.main_stack = Some(bytes);
        self
    }

    /// Whether a panic that reaches a goroutine's root ends the process, as in Go.
    pub fn abort_on_panic(mut self, abort: bool) -> Self {
        self.settings.abort_on_panic = Some(abort);
        self
    }

    /// Runs `main` as the main goroutine and returns its result. Other goroutines
    /// are not waited for.
    ///
    /// The settings are without effect if the runtime has been started before.
    /// If `main` calls [`goexit`](crate::goexit()), the others go on and this call
    /// does not return, as in Go.
    ///
    /// # Panics
    /// With `main`'s own panic; and if the main goroutine cannot be started.
    #[track_caller]
    pub fn run<T: Send + 'static>(self, main: impl FnOnce() -> T + Send + 'static) -> T {
        let stack = self
            .main_stack
            .unwrap_or_else(|| self.settings.stack.unwrap_or(0).max(stack::MAIN_STACK));
        start(self.settings);
        let runs = MainRuns::new();
        let main = move || {
            let _runs = runs;
            main()
        };
        let main = match Builder::new().name("main").stack_size(stack).spawn(main) {
            Ok(handle) => handle,
            Err(e) => panic!("cannot start the main goroutine: {e}"),
        };
        match main.join() {
            Ok(value) => {
                if config().abort_on_panic {
                    panicking::let_panics_win();
                }
                value
            }
            Err(JoinError::Panicked(payload)) => panic::resume_unwind(payload),
            Err(JoinError::Exited) => {
                checkdead::main_exited();
                crate::park::wait_for_ever(crate::WaitReason::None)
            }
        }
    }
}
