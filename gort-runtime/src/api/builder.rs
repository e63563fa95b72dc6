//! The main goroutine: `RuntimeBuilder`, `run`.

use crate::api::handle::{Builder, JoinHandle};
use crate::api::joinerror::JoinError;
use crate::api::start::{Settings, aborts_on_panic, start};
use crate::api::testrun::TestRun;
use crate::monitor::checkdead::{self, Caller, MainRuns};
use crate::panics::panicking;
use crate::panics::unwind;
use crate::stack;
use crate::wait::maywait::MayWait;

/// Configures the runtime before it starts. `GORT_MAXPROCS`, `GORT_STACK` and
/// `GORT_PANIC` in the environment win over what the program sets.
///
/// ```
/// use gort::runtime::Builder;
///
/// let answer = Builder::new()
///     .max_procs(2)
///     .stack_size(64 << 10)
///     .main_stack_size(1 << 20)
///     .abort_on_panic(true)
///     .run(|| gort::spawn(|| 42).join());
/// assert_eq!(answer.unwrap(), 42);
/// ```
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

    /// How many goroutines run at the same time, from 1 to 1,024; default: the CPUs that the
    /// process may use. Go's `GOMAXPROCS`.
    pub fn max_procs(mut self, n: usize) -> Self {
        self.settings.procs = Some(n);
        self
    }

    /// Bytes that each goroutine's stack has, unless it asks for its own; rounded as by
    /// [`Builder::stack_size`](crate::Builder::stack_size), which says more. The
    /// default is 256 KiB, the most 1 GiB. The main goroutine has 8 MiB, or this if it is more.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.settings.stack = Some(bytes);
        self
    }

    /// Bytes that the main goroutine's stack has.
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
    /// Several threads may call this at once, and goroutines too: a goroutine then waits like in
    /// [`join`](crate::JoinHandle::join). A deadlock is reported when all mains are stuck.
    ///
    /// # Panics
    /// With `main`'s own panic; if the main goroutine cannot be started; on the system stack.
    #[track_caller]
    pub fn run<T: Send + 'static>(self, main: impl FnOnce() -> T + Send + 'static) -> T {
        let _ = MayWait::check();
        let caller = Caller::here();
        let main = self.start_main("main", move || {
            // Not before it runs: while it is being made all Ms may sleep.
            let _runs = MainRuns::new(caller);
            main()
        });
        match main.join().map_err(JoinError::try_into_panic) {
            Ok(value) => {
                if aborts_on_panic() {
                    panicking::let_panics_win();
                }
                value
            }
            Err(Ok(payload)) => unwind::raise(payload),
            Err(Err(_exited)) => {
                checkdead::main_exited(caller);
                crate::wait::park::wait_for_ever(crate::WaitReason::Join)
            }
        }
    }

    /// Starts the goroutine of a test, for `#[gort::test]`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[doc(hidden)]
    #[track_caller]
    pub fn start_test<T: Send + 'static>(
        self,
        name: &str,
        test: impl FnOnce() -> T + Send + 'static,
    ) -> TestRun<T> {
        panicking::output_is_captured();
        let (test, ended) = TestRun::watched(test);
        TestRun::new(self.start_main(name, test), ended)
    }

    /// Starts the runtime with these settings, and a goroutine on a main goroutine's stack.
    #[track_caller]
    fn start_main<T: Send + 'static>(
        self,
        name: &str,
        main: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let stack = self
            .main_stack
            .unwrap_or_else(|| self.settings.stack.unwrap_or(0).max(stack::MAIN_STACK));
        start(self.settings);
        match Builder::new().name(name).stack_size(stack).spawn(main) {
            Ok(handle) => handle,
            Err(e) => panic!("cannot start the main goroutine: {e}"),
        }
    }
}
