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

    /// How many threads the runtime may have; 10,000 unless this is called. Go's `debug.SetMaxThreads`.
    ///
    /// If it takes more, because so many goroutines block their threads at the same time, the process ends with a message: a
    /// mistake that is to be seen before the machine is full. Threads that the program starts itself do not count.
    ///
    /// ```
    /// use gort::runtime::Builder;
    ///
    /// let sum = Builder::new().max_threads(100).run(|| {
    ///     (1..=3).map(|n| gort::spawn(move || n)).map(|n| n.join().unwrap()).sum::<i32>()
    /// });
    /// assert_eq!(sum, 6);
    /// ```
    pub fn max_threads(mut self, n: usize) -> Self {
        self.settings.threads = Some(n);
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

    /// Each goroutine has thread-locals of its own, and keeps them whichever thread runs it: what a goroutine
    /// borrows, counts or caches there is its own also across operations that wait. Without this a goroutine
    /// has those of the thread that happens to run it ([`gort`'s chapter on soundness][s]).
    ///
    /// That covers all that hangs on the C library's notion of the current thread: `thread_local!`,
    /// `thread::current()`, `errno`, C's `_Thread_local` and `pthread_getspecific`. What belongs to the kernel's
    /// thread (its id, signal mask, affinity) still changes; [`lock_os_thread`](crate::lock_os_thread()) makes
    /// that stay. A goroutine's thread-locals are those of its stack: like the jobs of a thread pool, later goroutines
    /// find what earlier ones left there. Their destructors do not run before the process ends.
    ///
    /// It costs a page more for each parked goroutine, some 12 to 40 µs when a stack is first made, and a change of
    /// the thread pointer on each switch to and from a goroutine. It takes glibc or musl on Linux. Go has nothing like
    /// thread-locals, hence no counterpart.
    ///
    /// With musl, call `setuid`, `setgid` and their like before the runtime starts. Once there are such goroutines they
    /// change nothing: they fail, or wait for ever if a thread runs one meanwhile. (Children of
    /// `std::process::Command` may change their ids as always.) C's `raise` fails in such a goroutine there, `gettid` gives
    /// a number that is the goroutine's (the system call gives the thread's), and `abort` (also `std::process::abort`) ends the process by SIGSEGV instead of SIGABRT.
    ///
    /// The program ends with a message when the runtime starts if it cannot be had here.
    ///
    /// [s]: https://docs.rs/gort/latest/gort/#soundness
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// thread_local! {
    ///     static LINE: RefCell<String> = const { RefCell::new(String::new()) };
    /// }
    ///
    /// gort::runtime::Builder::new().own_thread_locals().run(|| {
    ///     let all: Vec<_> = (0..100)
    ///         .map(|i| {
    ///             gort::spawn(move || {
    ///                 LINE.with_borrow_mut(|line| {
    ///                     line.clear();
    ///                     line.push_str(&i.to_string());
    ///                     // Others run meanwhile, and this one may change threads.
    ///                     gort::yield_now();
    ///                     assert_eq!(*line, i.to_string());
    ///                 });
    ///             })
    ///         })
    ///         .collect();
    ///     for goroutine in all {
    ///         goroutine.join().unwrap();
    ///     }
    /// });
    /// ```
    pub fn own_thread_locals(mut self) -> Self {
        self.settings.own_thread_locals = true;
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
        let mut builder = Builder::new().name(name).stack_size(stack);
        if self.settings.own_thread_locals {
            builder = builder.own_thread_locals();
        }
        match builder.spawn(main) {
            Ok(handle) => handle,
            Err(e) => panic!("cannot start the main goroutine: {e}"),
        }
    }
}
