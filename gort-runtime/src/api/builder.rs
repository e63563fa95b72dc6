//! The main goroutine: `RuntimeBuilder` and `run`.

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

/// Configures the runtime before it starts. `GORT_MAXPROCS`, `GORT_STACK` and `GORT_PANIC` in the
/// environment override what the program sets.
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
    /// Creates a builder with the default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many goroutines can run at the same time, from 1 to 1,024. The default is the
    /// number of CPUs that the process may use. Go's `GOMAXPROCS`.
    pub fn max_procs(mut self, n: usize) -> Self {
        self.settings.procs = Some(n);
        self
    }

    /// Sets the maximum number of threads of the runtime. The default is 10,000. Go's
    /// `debug.SetMaxThreads`.
    ///
    /// If so many goroutines block their threads at the same time that more are needed, the process
    /// ends with a message. This makes the mistake visible before the machine is full. Threads that
    /// the program starts itself do not count.
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

    /// Sets the default size of goroutine stacks, in bytes, rounded as by
    /// [`Builder::stack_size`](crate::Builder::stack_size), which says more. The default is 256
    /// KiB, the maximum 1 GiB. The main goroutine's stack has 8 MiB, or this size if it is larger.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.settings.stack = Some(bytes);
        self
    }

    /// Sets the size of the main goroutine's stack, in bytes.
    pub fn main_stack_size(mut self, bytes: usize) -> Self {
        self.main_stack = Some(bytes);
        self
    }

    /// Gives each goroutine its own thread-locals, which it keeps whichever thread runs it. What a
    /// goroutine borrows, counts or caches in a thread-local stays its own, even across operations
    /// that wait. Without this setting, a goroutine sees the thread-locals of the thread that
    /// happens to run it ([`gort`'s chapter on soundness][s]).
    ///
    /// The setting covers everything that depends on the C library's notion of the current thread:
    /// `thread_local!`, `thread::current()`, `errno`, C's `_Thread_local` and
    /// `pthread_getspecific`. What belongs to the kernel's thread (its id, signal mask, affinity)
    /// still changes; [`lock_os_thread`](crate::lock_os_thread()) keeps that, too. A goroutine's
    /// thread-locals are those of its stack. As with the jobs of a thread pool, later goroutines
    /// find what earlier ones left there. Destructors of thread-locals do not run before the
    /// process ends.
    ///
    /// The cost is one more page for each parked goroutine, about 12 to 40 µs when a stack is first
    /// created, and a change of the thread pointer at each switch to and from a goroutine. It
    /// requires glibc or musl on Linux. Go has no thread-locals, so it has no counterpart.
    ///
    /// With musl, call `setuid`, `setgid` and the like before the runtime starts. Once goroutines
    /// with their own thread-locals exist, these functions change nothing: they fail, or wait for
    /// ever if a thread runs such a goroutine at the time. (Children of `std::process::Command` may
    /// change their ids as usual.) In such a goroutine on musl, C's `raise` fails, `gettid` returns
    /// a number that belongs to the goroutine (the system call returns the thread's), and `abort`
    /// (also `std::process::abort`) ends the process by SIGSEGV instead of SIGABRT.
    ///
    /// If the platform does not support this, the program ends with a message when the runtime
    /// starts.
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
    ///                     // Other goroutines run here, and this one may change threads.
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

    /// Sets whether a panic that reaches a goroutine's root ends the process, as in Go.
    pub fn abort_on_panic(mut self, abort: bool) -> Self {
        self.settings.abort_on_panic = Some(abort);
        self
    }

    /// Sets a hook that is called when a goroutine begins, before its first instruction. It is the
    /// first of four hooks, with [`on_park`](Self::on_park), [`on_resume`](Self::on_resume) and
    /// [`on_end`](Self::on_end).
    ///
    /// For each goroutine they are called in this order: start, then park and resume alternating
    /// any number of times, then end, however the goroutine ends. Hooks are for state that has to
    /// follow a goroutine from thread to thread, and for counting and tracing. Go has no
    /// counterpart.
    ///
    /// # Whose goroutines
    /// Hooks belong to one [`run`](Self::run). They are called for its main goroutine and for all
    /// goroutines that descend from it, however these are started, `time::after_func` included,
    /// even after `run` has returned. They are not called for goroutines that a plain thread
    /// starts, or for those of another `run`, even one that is called inside this one. The hooks
    /// are dropped when the last goroutine that has them has ended. Setting a hook twice replaces
    /// the first one.
    ///
    /// # What a hook may do
    /// A hook runs on the goroutine's own stack, and sees the thread-locals that the goroutine
    /// sees. It may use everything outside of gort, even code that blocks the thread for a moment.
    /// Of gort it may use
    /// - the [`Goroutine`] that it is given,
    /// - [`current`](crate::current()), which returns the same one,
    /// - values of `goroutine_local!`, which are the goroutine's; in `on_end` they are gone.
    ///
    /// These never wait, and a hook could do little without them. Everything else is forbidden. A
    /// hook may run while a channel's lock is held and its goroutine is in a channel's queue. If it
    /// waited, woke or started another goroutine there, it would deadlock with its own goroutine,
    /// or be woken for something else. An operation that waits, may have to wait, wakes a goroutine
    /// or starts one ends the process with status 2 and `a runtime hook must not …`. So does a
    /// panic that leaves a hook. (Release builds do not notice an operation that happens to succeed
    /// without waiting or waking, such as sending into a buffer that has room. Debug builds do, for
    /// channels and locks.)
    ///
    /// # What it costs
    /// If no hooks are set, each wait costs one untaken branch. If hooks are set, each goroutine
    /// costs one allocation, and each call of a hook some tens of nanoseconds.
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

    /// Sets a hook that is called when a goroutine is about to stop: to wait, to yield, or because
    /// its P was taken while it computed or blocked and it has to queue for another. It may be on
    /// another thread when it continues.
    ///
    /// [`on_start`](Self::on_start) says what a hook may do and for which goroutines it is called.
    /// Operations that need not wait do not call it.
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

    /// Sets a hook that is called when a goroutine continues, on the thread on which it does. It is
    /// called after each [`on_park`](Self::on_park), even if the goroutine did not have to wait in
    /// the end.
    ///
    /// [`on_start`](Self::on_start) says what a hook may do and for which goroutines it is called.
    ///
    /// ```
    /// use gort::runtime::Builder;
    /// use std::cell::Cell;
    ///
    /// thread_local! {
    ///     /// A value that a library expects in a thread-local.
    ///     static REQUEST: Cell<u64> = const { Cell::new(0) };
    /// }
    /// gort::goroutine_local! {
    ///     /// The same value while its goroutine waits.
    ///     static WAITING: Cell<u64> = Cell::new(0);
    /// }
    ///
    /// // Never inlined: a function that waits must not compute a thread-local's address.
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

    /// Sets a hook that is called when a goroutine has ended, by a return, a panic or a `goexit`.
    /// It is called last of all, when the goroutine-locals have been dropped, and before `join`
    /// returns.
    ///
    /// [`on_start`](Self::on_start) says what a hook may do and for which goroutines it is called.
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

    /// Runs `main` as the main goroutine and returns its result. Does not wait for other
    /// goroutines.
    ///
    /// The settings have no effect if the runtime has been started before. The hooks always take
    /// effect, because they belong to this run. If `main` calls [`goexit`](crate::goexit()), the
    /// other goroutines continue and this call does not return, as in Go.
    ///
    /// Several threads may call this at the same time, and goroutines too: a goroutine then waits
    /// as in [`join`](crate::JoinHandle::join). A deadlock is reported when all main goroutines are
    /// stuck.
    ///
    /// # Panics
    /// Panics if `main` panics, with the same payload; if the main goroutine cannot be started; and
    /// on the system stack.
    #[track_caller]
    pub fn run<T: Send + 'static>(self, main: impl FnOnce() -> T + Send + 'static) -> T {
        let _ = MayWait::check(WaitReason::Join);
        let caller = Caller::here();
        let main = self.start_main("main", move || {
            // Registered only once the goroutine runs: all Ms may be asleep while it is being
            // started, which would look like a deadlock.
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
    /// Panics if the main goroutine cannot be started.
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

    /// Starts the runtime with these settings, and a goroutine with a main goroutine's stack size.
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
        // SAFETY: nothing is borrowed, because both types are `'static`.
        match unsafe { builder.spawn_unchecked(main, inherited) } {
            Ok(handle) => handle,
            Err(e) => panic!("cannot start the main goroutine: {e}"),
        }
    }
}
