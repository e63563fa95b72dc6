//! Goroutines as users see them: `spawn`, `Builder`, `JoinHandle`.

use crate::api::goroutine::{Goroutine, GoroutineId};
use crate::api::joinerror::JoinError;
use crate::api::start::ensure_started;
use crate::base::prim::Ordering::Acquire;
use crate::bubble::home::Home;
use crate::bubble::turn;
use crate::life::ending::Ending;
use crate::life::goexit::{self, Outcome};
use crate::life::join::{AtDetach, JoinWord};
use crate::life::local;
use crate::life::newproc::{self, Options};
use crate::panics::panicking::go_on_exiting;
use crate::panics::unwind;
use crate::proc::bubble::Bubble;
use crate::proc::g::G;
use crate::proc::gstatus::GStatus;
use crate::proc::locals::Inherited;
use crate::proc::tls;
use crate::proc::waitreason::WaitReason;
use crate::sched::inside::Inside;
use crate::stack;
use crate::turns::gate;
use crate::wait::maywait::MayWait;
use crate::wait::park::Current;
use crate::wait::point;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::thread;

/// Starts a goroutine. Go's `go` statement; see also the macro `go!`.
///
/// Dropping the handle detaches the goroutine.
///
/// # Panics
/// Panics if the system has no room for another stack.
///
/// # Examples
/// ```
/// let handle = gort::spawn(|| 6 * 7);
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match Builder::new().spawn(f) {
        Ok(handle) => handle,
        Err(e) => panic!("cannot start a goroutine: {e}"),
    }
}

/// Starts goroutines with a name, a stack size or other options. Like `std::thread::Builder`; see
/// also the options of the macro `go!`.
///
/// ```
/// use gort::Builder;
///
/// let parser = Builder::new()
///     .name("parser")
///     .stack_size(1 << 20)
///     .spawn(|| gort::current().name().map(str::to_owned))?;
/// assert_eq!(parser.join().unwrap().as_deref(), Some("parser"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `spawn`"]
pub struct Builder {
    name: Option<Arc<str>>,
    stack: Option<usize>,
    own_thread_locals: Option<bool>,
    inherits_nothing: bool,
    /// The bubble that the goroutine will belong to, if not the caller's.
    bubble: Option<&'static Bubble>,
}

impl Builder {
    /// Creates a builder with the defaults: no name, the program's stack size.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the goroutine's name, for dumps, reports and panics. Panic messages begin with a line
    /// `goroutine 7 "parser":`, unless the program sets a panic hook after the runtime's start.
    ///
    /// # Panics
    /// Panics if the name contains a null byte, as with `std::thread::Builder`.
    #[track_caller]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        assert!(
            !name.contains('\0'),
            "a goroutine's name must not contain null bytes: {name:?}"
        );
        self.name = Some(name.into());
        self
    }

    /// Sets the size of the goroutine's stack, in bytes, rounded up to a power of two of at least
    /// 32 KiB. The maximum is 1 GiB. Only memory that is used is committed.
    ///
    /// The goroutine can use all of it; gort adds the space that it needs itself, and the guard. An
    /// overflow by up to the guard's 80 KiB is reported and ends the process. Rust functions cannot
    /// skip a guard. C functions with larger frames can, unless compiled with
    /// `-fstack-clash-protection`. Give them a stack of sufficient size, or use
    /// [`on_system_stack`](crate::on_system_stack).
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack = Some(bytes);
        self
    }

    /// Gives the goroutine its own thread-locals, even in a program whose goroutines use those of
    /// the threads. [`RuntimeBuilder::own_thread_locals`](crate::RuntimeBuilder::own_thread_locals)
    /// says what that means and costs.
    ///
    /// If the platform does not support this, starting the first such goroutine ends the program
    /// with a message.
    ///
    /// ```
    /// use std::thread;
    ///
    /// let handle = gort::Builder::new().own_thread_locals().spawn(|| {
    ///     let before = thread::current().id();
    ///     gort::yield_now();
    ///     // Whichever thread runs the goroutine, to std it is the goroutine's own thread.
    ///     assert_eq!(thread::current().id(), before);
    /// })?;
    /// handle.join().unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn own_thread_locals(mut self) -> Self {
        self.own_thread_locals = Some(true);
        self
    }

    /// Makes the goroutine use the thread-locals of whichever thread runs it, even in a program
    /// whose goroutines have their own. Its stack is lighter.
    ///
    /// # Safety
    /// The goroutine may change threads at *any* operation of this crate, even one that does not
    /// wait. So no function that it calls, including everything inlined into it, may use a
    /// thread-local both before and after such an operation: the compiler may have kept the
    /// thread-local's address. Nothing that was derived from a thread-local may be in use across an
    /// operation: a borrow, a guard of std's or parking_lot's locks, `stdout().lock()`, an `Rc`
    /// that other code on the thread can reach, the entered guard of a tracing span or an async
    /// runtime. Code that knows its thread in another way (`pthread_self`, `thread::scope` with an
    /// operation inside) must not continue across an operation either.
    ///
    /// ```
    /// let builder = gort::Builder::new();
    /// // SAFETY: it uses no thread-local.
    /// let handle = unsafe { builder.shared_thread_locals() }.spawn(|| 6 * 7)?;
    /// assert_eq!(handle.join().unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub unsafe fn shared_thread_locals(mut self) -> Self {
        self.own_thread_locals = Some(false);
        self
    }

    /// Makes the goroutine inherit none of the user's goroutine-locals. Used for gort's own
    /// goroutines.
    #[doc(hidden)]
    pub fn inherits_nothing(mut self) -> Self {
        self.inherits_nothing = true;
        self
    }

    /// Starts the goroutine.
    ///
    /// # Errors
    /// Returns an error if the stack size is over 1 GiB, or the system has no room for a stack.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // SAFETY: nothing is borrowed, because both types are `'static`.
        unsafe {
            let inherited = self.inherited();
            self.spawn_unchecked(f, inherited)
        }
    }

    /// Clones the goroutine-locals that the goroutine inherits, unless it inherits nothing.
    pub(crate) fn inherited(&self) -> Inherited {
        if self.inherits_nothing {
            Inherited::nothing()
        } else {
            local::inherited()
        }
    }

    /// Makes the goroutine belong to this bubble, whose keeper calls this during its turn.
    pub(crate) fn bubble(mut self, bubble: &'static Bubble) -> Self {
        self.bubble = Some(bubble);
        self
    }

    /// Checks the options, and starts the runtime if necessary.
    fn into_options(self, inherited: Inherited) -> io::Result<Options> {
        ensure_started();
        Ok(Options {
            name: self.name,
            stack_log2: self.stack.map(stack::validate_size).transpose()?,
            own: self.own_thread_locals,
            inherited,
            bubble: self.bubble,
        })
    }

    /// Starts a goroutine that may borrow.
    ///
    /// # Safety
    /// What `F` and `T` borrow outlives the goroutine and its outcome.
    #[track_caller]
    pub(crate) unsafe fn spawn_unchecked<F, T>(
        self,
        f: F,
        inherited: Inherited,
    ) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        let at = Location::caller();
        let options = self.into_options(inherited)?;
        // SAFETY: the caller guarantees that what `F` and `T` borrow outlives the goroutine and its
        // outcome.
        let gp = unsafe { newproc::newproc(f, options, at) }?;
        let handle = JoinHandle {
            gp,
            _result: PhantomData,
        };
        point::point_after_go(at);
        Ok(handle)
    }
}

/// Waits for a goroutine's end and returns its result. Dropping the handle detaches the goroutine.
/// Like std's `JoinHandle`; Go has none.
///
/// A result that is never joined is dropped by the goroutine or with the handle. If its destructor
/// panics, the panic hook reports that, and neither the goroutine nor the handle's owner panics.
///
/// In `select!`, `<-handle` waits for the end without taking the result. In async code of any
/// executor, `handle.await` returns what `join` returns ([`JoinFuture`](crate::JoinFuture)).
///
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded(0);
/// let sum = go!(move || rx.iter().sum::<i32>());
/// assert!(!sum.is_finished(), "the channel is still open");
/// println!("{} adds", sum.goroutine().id());
/// tx.send(1).unwrap();
/// tx.send(2).unwrap();
/// drop(tx);
/// assert_eq!(sum.join().unwrap(), 3);
/// ```
pub struct JoinHandle<T> {
    gp: NonNull<G>,
    _result: PhantomData<T>,
}

// SAFETY: the handle owns the outcome (a `T` that crosses threads) and a share of the record. It
// touches only what the table in `proc/g.rs` allows: the join word, atomics, fields behind locks,
// and the packet after the outcome has been stored.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: a shared handle gives no access to the outcome. The join word and the id are atomic, the
// name is behind a lock, and the list of watchers is changed under another.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl point::Ready for JoinWord {
    fn is_ready(&self) -> bool {
        self.is_done()
    }
}

impl<T> JoinHandle<T> {
    /// Waits for the goroutine's end and returns its result. Works in goroutines and plain threads.
    ///
    /// # Errors
    /// Returns an error if the goroutine panicked, with the payload ([`JoinError::into_panic`]), or
    /// if it called `goexit` ([`JoinError::is_exited`]).
    #[track_caller]
    pub fn join(self) -> Result<T, JoinError> {
        let site = Location::caller();
        // Both calls may unwind. In that case the handle's destructor still runs.
        let may_wait = MayWait::check(WaitReason::Join);
        go_on_exiting();
        point::point_when_ready("join", self.g(), &self.g().join, site);
        self.wait(may_wait, site);
        // SAFETY: the goroutine has ended (DONE).
        unsafe { self.into_result() }
    }

    /// Returns whether the goroutine has left its stack, and so is about to end without waiting.
    #[doc(hidden)]
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        let status = GStatus::of(self.g().status.load(Acquire));
        status == GStatus::Dead || self.g().join.is_done()
    }

    /// Joins a goroutine that is leaving, without parking; otherwise like [`join`](Self::join).
    #[doc(hidden)]
    pub fn join_leaving(self) -> Result<T, JoinError> {
        while !self.g().join.is_done() {
            // The goroutine's thread is in the scheduler.
            thread::yield_now();
        }
        // SAFETY: the goroutine has ended (DONE).
        unsafe { self.into_result() }
    }

    /// # Safety
    /// The goroutine has ended.
    unsafe fn into_result(self) -> Result<T, JoinError> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the caller guarantees that the goroutine has ended. So its outcome is stored and
        // ours (`join.rs`, invariant 1). The handle is not dropped, so nothing takes it twice. We
        // are the record's last owner then.
        unsafe {
            let outcome = this.read_outcome();
            if gate::is_open() {
                turn::joined(this.gp);
            }
            this.free();
            match outcome {
                Outcome::Returned(value) => Ok(value),
                Outcome::Panicked(payload) => Err(JoinError::panicked(payload)),
                Outcome::Exited => Err(JoinError::exited()),
            }
        }
    }

    /// Returns `true` if the goroutine has ended, so that `join` would not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        point::point_in_drop("is_finished", self.g());
        self.g().join.is_done()
    }

    /// Returns the goroutine's id and name.
    #[must_use]
    pub fn goroutine(&self) -> Goroutine {
        Goroutine::new(self.g().id(), self.g().name())
    }

    fn g(&self) -> &G {
        // SAFETY: Gs live for ever. The handle keeps its share of one (`join.rs`, invariant 2).
        unsafe { self.gp.as_ref() }
    }

    fn wait(&self, may_wait: MayWait, site: &'static Location<'static>) {
        let join = &self.g().join;
        while !join.is_done() {
            let current = Current::also_exiting(may_wait);
            current.waits_for(Home::of(self.g()));
            // SAFETY: `commit` publishes the waiter as its last use of this frame (the word lies in
            // the joined G, which lives for ever), or does not publish it because there is nothing
            // to wait for. Only the goroutine's end takes the waiter, once.
            unsafe {
                current.park(
                    || join.set_waiter(current.waiter().to_word()),
                    WaitReason::Join,
                    site,
                );
            }
        }
    }

    /// # Safety
    /// The goroutine has stored its outcome, and no other code takes it.
    unsafe fn read_outcome(&self) -> Outcome<T> {
        let packet = self.g().packet.get();
        // SAFETY: the caller guarantees that the outcome is there and ours. It has the type that
        // `newproc` gave it.
        unsafe {
            if const { newproc::is_large::<T>() } {
                match packet.cast::<Outcome<Box<T>>>().read() {
                    Outcome::Returned(value) => Outcome::Returned(*value),
                    Outcome::Panicked(payload) => Outcome::Panicked(payload),
                    Outcome::Exited => Outcome::Exited,
                }
            } else {
                packet.cast::<Outcome<T>>().read()
            }
        }
    }

    /// Drops an outcome that was never joined, and swallows a panic of its destructor.
    ///
    /// # Safety
    /// The goroutine has stored its outcome, and no other code takes it.
    unsafe fn drop_outcome(&self) {
        let packet = self.g().packet.get();
        // SAFETY: the caller guarantees that the outcome is there and ours. It has the type that
        // `newproc` gave it.
        unsafe {
            if const { newproc::is_large::<T>() } {
                unwind::discard_in_place(packet.cast::<Outcome<Box<T>>>());
            } else {
                unwind::discard_in_place(packet.cast::<Outcome<T>>());
            }
        }
    }

    /// Frees the record. The caller is its last owner.
    fn free(&self) {
        let inside = Inside::enter();
        let p = inside.as_ref().and_then(Inside::p);
        goexit::free(self.gp, p);
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let ended = match self.g().join.detach() {
            AtDetach::Left => return,
            AtDetach::DropOutcome => false,
            AtDetach::DropAndFree => true,
        };
        // SAFETY: `detach` says that the outcome is there and ours (`join.rs`, invariant 1).
        unsafe { self.drop_outcome() };
        let last_owner = ended || self.g().join.detach_with_outcome();
        if last_owner {
            self.free();
        }
    }
}

impl<'a, T> From<&'a JoinHandle<T>> for Ending<'a> {
    fn from(handle: &'a JoinHandle<T>) -> Self {
        // SAFETY: the handle is borrowed for `'a`, so it is neither joined nor dropped.
        unsafe { Self::of(handle.gp) }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("goroutine", &self.goroutine())
            .finish()
    }
}

/// Returns the id and name of the calling goroutine.
///
/// # Panics
/// Panics if called outside a goroutine.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// let handle = go!(|| {
///     println!("{} is at work", gort::current().id());
///     gort::current()
/// });
/// assert_eq!(handle.goroutine(), handle.join().unwrap());
/// ```
#[must_use]
#[track_caller]
pub fn current() -> Goroutine {
    match try_current() {
        Some(goroutine) => goroutine,
        None => panic!("`current` was called outside a goroutine; start one with `go!`"),
    }
}

/// Returns the id of the calling goroutine's root: the goroutine that a plain thread started and
/// from which the calling one descends. Returns `None` on a plain thread.
#[doc(hidden)]
#[must_use]
pub fn current_root() -> Option<GoroutineId> {
    // SAFETY: Gs live for ever, and only an atomic is read.
    tls::goroutine().map(|gp| GoroutineId::new(unsafe { gp.as_ref() }.root()))
}

/// Returns the id and name of the calling goroutine, or `None` on a plain thread.
#[must_use]
pub fn try_current() -> Option<Goroutine> {
    let gp = tls::goroutine()?;
    // SAFETY: Gs live for ever. This reads an atomic and the name of the goroutine that runs here.
    unsafe {
        let g = gp.as_ref();
        Some(Goroutine::new(g.id(), g.own_name()))
    }
}
