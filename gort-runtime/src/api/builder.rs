//! The main goroutine: `RuntimeBuilder`, `run`.

use crate::api::goroutine::Goroutine;
use crate::api::handle::{Builder, JoinHandle};
use crate::api::hooks::HookSet;
use crate::api::joinerror::JoinError;
use crate::api::start::{Settings, aborts_on_panic, start};
use crate::api::testrun::TestRun;
use crate::base::hook::Hook;
use crate::monitor::checkdead::{self, Caller, MainRuns};
use crate::panics::panicking;
use crate::panics::unwind;
use crate::proc::waitreason::WaitReason;
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
    hooks: HookSet,
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

    /// Has `hook` called when a goroutine begins, before its first instruction: the first of four hooks, beside
    /// [`on_park`](Self::on_park), [`on_resume`](Self::on_resume) and [`on_end`](Self::on_end).
    ///
    /// For each goroutine they are called in the order: start, then park and resume any number of times in turn,
    /// then end, however it ends. They are for what has to follow a goroutine from thread to thread, and for
    /// counting and tracing. Go has no counterpart.
    ///
    /// # Whose goroutines
    /// Hooks belong to one [`run`](Self::run): they are called for its main goroutine and for those that descend from
    /// it, however these are started, `time::after_func` included, also after `run` has returned. They are not called for goroutines
    /// that a plain thread starts, nor for those of another `run`, also of one that is called inside. They are dropped
    /// when the last goroutine that has them has ended. Setting one twice replaces the first.
    ///
    /// # What a hook may do
    /// It runs on the goroutine's own stack, and sees the thread-locals that the goroutine sees. It may use everything
    /// that is not gort's, also what blocks the thread for a moment. Of gort's it may use
    /// - the [`Goroutine`] that it is given,
    /// - [`current`](crate::current()), which gives the same one,
    /// - values of `goroutine_local!`, which are the goroutine's; in `on_end` they are gone.
    ///
    /// These never wait, and a hook could do little without them. Everything else is forbidden: a hook may run while a channel's lock is held
    /// and its goroutine stands in a channel's queue, so whoever waits, wakes or starts another there would wait for himself,
    /// or be woken for something else. What waits, could have to wait, or wakes or starts a goroutine ends the process with status 2 and
    /// `a runtime hook must not …`, and so does a panic that leaves a hook. (In release builds nobody notices what happens to
    /// get by without waiting and waking, such as a value into a buffer that has room; debug builds do for channels and locks.)
    ///
    /// # What it costs
    /// Where no hooks are set, an untaken branch per wait. Where they are, an allocation for each goroutine, and some tens of
    /// nanoseconds for each call.
    ///
    /// ```
    /// use gort::runtime::Builder;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    ///
    /// let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    /// let (begins, ends) = (Arc::clone(&begun), Arc::clone(&ended));
    /// Builder::new()
    ///     .on_start(move |_| {
    ///         begins.fetch_add(1, Relaxed);
    ///     })
    ///     .on_end(move |_| {
    ///         ends.fetch_add(1, Relaxed);
    ///     })
    ///     .run(|| gort::spawn(|| {}).join().unwrap());
    /// assert_eq!((begun.load(Relaxed), ended.load(Relaxed)), (2, 2));
    /// ```
    pub fn on_start(mut self, hook: impl Fn(&Goroutine) + Send + Sync + 'static) -> Self {
        self.hooks.set(Hook::Start, hook);
        self
    }

    /// Has `hook` called when a goroutine is about to stop: to wait, to yield, or because its processor was taken while it
    /// computed or blocked and it has to queue for another. Until it goes on it may change threads.
    ///
    /// What a hook may do and for whom it is called is told at [`on_start`](Self::on_start). Operations that need not wait
    /// call nothing.
    ///
    /// ```
    /// use gort::runtime::Builder;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    ///
    /// let stops = Arc::new(AtomicUsize::new(0));
    /// let seen = Arc::clone(&stops);
    /// Builder::new()
    ///     .on_park(move |goroutine| {
    ///         assert_eq!(goroutine.name(), Some("main"));
    ///         seen.fetch_add(1, Relaxed);
    ///     })
    ///     .run(|| gort::yield_now());
    /// assert!(stops.load(Relaxed) >= 1);
    /// ```
    pub fn on_park(mut self, hook: impl Fn(&Goroutine) + Send + Sync + 'static) -> Self {
        self.hooks.set(Hook::Park, hook);
        self
    }

    /// Has `hook` called when a goroutine goes on, on the thread on which it does: after each
    /// [`on_park`](Self::on_park), also if the goroutine did not have to wait in the end.
    ///
    /// What a hook may do and for whom it is called is told at [`on_start`](Self::on_start).
    ///
    /// ```
    /// use gort::runtime::Builder;
    /// use std::cell::Cell;
    ///
    /// thread_local! {
    ///     /// What a library wants to find in a thread-local.
    ///     static REQUEST: Cell<u64> = const { Cell::new(0) };
    /// }
    /// gort::goroutine_local! {
    ///     /// The same while its goroutine waits.
    ///     static WAITING: Cell<u64> = Cell::new(0);
    /// }
    ///
    /// // Never inlined: no function that waits may compute a thread-local's address.
    /// #[inline(never)]
    /// fn request() -> &'static std::thread::LocalKey<Cell<u64>> {
    ///     &REQUEST
    /// }
    ///
    /// Builder::new()
    ///     .on_park(|_| WAITING.set(request().take()))
    ///     .on_resume(|_| request().set(WAITING.get()))
    ///     .run(|| {
    ///         let all: Vec<_> = (1..=100)
    ///             .map(|n| {
    ///                 gort::spawn(move || {
    ///                     request().set(n);
    ///                     gort::yield_now();
    ///                     assert_eq!(request().take(), n);
    ///                 })
    ///             })
    ///             .collect();
    ///         all.into_iter().for_each(|goroutine| goroutine.join().unwrap());
    ///     });
    /// ```
    pub fn on_resume(mut self, hook: impl Fn(&Goroutine) + Send + Sync + 'static) -> Self {
        self.hooks.set(Hook::Resume, hook);
        self
    }

    /// Has `hook` called when a goroutine has ended, after a return, a panic or a `goexit`: last of all, when its
    /// goroutine-locals have been dropped, and before `join` returns.
    ///
    /// What a hook may do and for whom it is called is told at [`on_start`](Self::on_start).
    ///
    /// ```
    /// use gort::runtime::Builder;
    /// use std::sync::{Arc, Mutex};
    ///
    /// let ended = Arc::new(Mutex::new(Vec::new()));
    /// let log = Arc::clone(&ended);
    /// Builder::new()
    ///     .on_end(move |goroutine| log.lock().unwrap().push(goroutine.clone()))
    ///     .run(|| gort::spawn(|| gort::goexit()).join().unwrap_err());
    /// let ended = ended.lock().unwrap();
    /// assert_eq!((ended.len(), ended[1].name()), (2, Some("main")));
    /// ```
    pub fn on_end(mut self, hook: impl Fn(&Goroutine) + Send + Sync + 'static) -> Self {
        self.hooks.set(Hook::End, hook);
        self
    }

    /// Runs `main` as the main goroutine and returns its result. Other goroutines
    /// are not waited for.
    ///
    /// The settings are without effect if the runtime has been started before. The hooks are not such settings:
    /// they belong to this run.
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
        let _ = MayWait::check(WaitReason::Join);
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
        let inherited = builder.inherited().with_hooks(self.hooks.into_hooks());
        // SAFETY: nothing is borrowed: both types are `'static`.
        match unsafe { builder.spawn_unchecked(main, inherited) } {
            Ok(handle) => handle,
            Err(e) => panic!("cannot start the main goroutine: {e}"),
        }
    }
}
