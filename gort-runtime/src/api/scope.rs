//! `scope`: goroutines that may borrow from the goroutine that starts them. It is
//! `std::thread::scope` for goroutines.
//!
//! # Why borrowing is sound
//! `scope` does not return (nor unwind, nor `goexit`) before every goroutine started in it has
//! dropped its closure, and every result has been taken or dropped. The goroutine and its handle
//! share a *packet*. Dropping the packet decrements a counter, and this is the last access to
//! anything borrowed. Goroutines are never freed or unwound from outside, so the frame that waits
//! stays where it is. Where waiting is not allowed (on the system stack), `scope` panics before it
//! starts anything. If its wait ever unwinds, the process aborts.

use crate::api::goroutine::Goroutine;
use crate::api::handle::{Builder, JoinHandle};
use crate::api::joinerror::JoinError;
use crate::base::lock::Lock;
use crate::base::throw::AbortOnUnwind;
use crate::bubble::home::Home;
use crate::life::ending::Ending;
use crate::panics::panicking::is_goexit;
use crate::panics::unwind;
use crate::proc::waitreason::WaitReason;
use crate::wait::maywait::MayWait;
use crate::wait::park::Current;
use crate::wait::waiter::Waiter;
use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// Starts goroutines that may borrow from outside the scope. Created by [`scope`].
///
/// ```
/// let words = ["to", "be", "or", "not"];
/// let letters: usize = gort::scope(|s| {
///     let handles = words.map(|word| s.spawn(move || word.len()));
///     handles.into_iter().map(|handle| handle.join().unwrap()).sum()
/// });
/// assert_eq!(letters, 9);
/// ```
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<Data>,
    /// Invariant, as in std: `'scope` can neither shrink nor grow.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

#[derive(Debug)]
struct Data {
    /// Number of packets that exist.
    packets: AtomicUsize,
    /// A goroutine panicked, and the payload was not taken.
    panicked: AtomicBool,
    /// The scope's owner, if it waits.
    owner: Lock<Option<Waiter>>,
}

/// A goroutine's result, on its way to the goroutine that joins it.
struct Packet<'scope, T> {
    data: Arc<Data>,
    result: UnsafeCell<Option<Result<T, Box<dyn Any + Send>>>>,
    _scope: PhantomData<&'scope ()>,
}

// SAFETY: the result, a `T` that crosses threads, is written by the goroutine before its end. It is
// read by the handle after waiting for that end, or dropped by the last owner (ordered by `Arc`'s
// count). All other fields are `Sync`.
unsafe impl<T: Send> Sync for Packet<'_, T> {}

impl<T> Drop for Packet<'_, T> {
    fn drop(&mut self) {
        let result = self.result.get_mut();
        let panicked = matches!(result, Some(Err(payload)) if !is_goexit(&**payload));
        // Runs the destructor of a result that was not taken. If it panics, the scope panics.
        let dropped = unwind::quietly(|| *result = None);
        if panicked || !dropped {
            self.data.panicked.store(true, Relaxed);
        }
        self.data.packet_dropped();
    }
}

impl Data {
    fn packet_dropped(&self) {
        if self.packets.fetch_sub(1, AcqRel) == 1 {
            let owner = self.owner.lock().take();
            // SAFETY: `wait` stores the waiter here under this lock, and releases the lock only
            // when the waiter can be woken. Taking the waiter out gives us the right to wake it.
            // (If goroutines have been started since, `wait` checks again.)
            owner.inspect(|owner| unsafe { owner.ready() });
        }
    }

    fn wait(&self, may_wait: MayWait, site: &'static Location<'static>) {
        let borrowed = AbortOnUnwind("a scope stopped waiting for its goroutines");
        while self.packets.load(Acquire) != 0 {
            let current = Current::also_exiting(may_wait);
            current.waits_for(Home::here());
            let mut owner = self.owner.lock();
            if self.packets.load(Acquire) == 0 {
                break;
            }
            *owner = Some(current.waiter());
            // SAFETY: the waiter was stored under the lock, which `commit` owns and releases. The
            // thread that takes the waiter out, under that lock, wakes it once.
            unsafe {
                current.park(
                    move || {
                        drop(owner);
                        true
                    },
                    WaitReason::Join,
                    site,
                );
            }
        }
        borrowed.forget();
    }
}

/// Runs `f` with a scope in which goroutines may borrow from the caller, and waits until all of
/// them have ended, even if `f` panics or exits.
///
/// # Panics
/// Panics if `f` panics, or if a goroutine of the scope panicked and was not joined. Also panics if
/// called on the system stack, before it has started anything.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// let mut numbers = [3, 1, 2, 9, 8, 7];
/// let (left, right) = numbers.split_at_mut(3);
/// gort::scope(|s| {
///     go!(scope(s), || left.sort());
///     go!(scope(s), || right.sort());
/// });
/// assert_eq!(numbers, [1, 2, 3, 7, 8, 9]);
/// ```
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let site = Location::caller();
    let may_wait = MayWait::check(WaitReason::Join);
    let scope = Scope {
        data: Arc::new(Data {
            packets: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            owner: Lock::new(None),
        }),
        scope: PhantomData,
        env: PhantomData,
    };
    let result = unwind::catch(|| f(&scope));
    scope.data.wait(may_wait, site);
    match result {
        Err(payload) => unwind::raise(payload),
        Ok(value) if scope.data.panicked.load(Relaxed) => {
            // The value is dropped now: a destructor that panics while the panic below unwinds
            // would abort.
            unwind::discard(value);
            panic!("a goroutine of the scope panicked")
        }
        Ok(value) => value,
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a goroutine in the scope.
    ///
    /// # Panics
    /// Panics if the system has no room for another stack.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        match Builder::new().spawn_scoped(self, f) {
            Ok(handle) => handle,
            Err(e) => panic!("cannot start a goroutine: {e}"),
        }
    }
}

impl Builder {
    /// Starts the goroutine in a scope.
    ///
    /// # Errors
    /// Returns the errors of [`spawn`](Self::spawn).
    ///
    /// # Examples
    /// ```
    /// use gort::Builder;
    ///
    /// let text = String::from("borrowed");
    /// let length = gort::scope(|s| {
    ///     let handle = Builder::new().name("counter").spawn_scoped(s, || text.len())?;
    ///     Ok::<_, std::io::Error>(handle.join().unwrap())
    /// })?;
    /// assert_eq!(length, text.len());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        // This comes first, because it runs user code (`Clone`), which may panic.
        let inherited = self.inherited();
        scope.data.packets.fetch_add(1, Relaxed);
        let packet = Arc::new(Packet {
            data: Arc::clone(&scope.data),
            result: UnsafeCell::new(None),
            _scope: PhantomData,
        });
        let theirs = Arc::clone(&packet);
        let run = move || {
            let result = unwind::catch(f);
            // SAFETY: no other thread touches the result: the handle looks only after the
            // goroutine's end, and the packet has another owner than the handle while we hold
            // `theirs`, so it is not being dropped.
            unsafe { *theirs.result.get() = Some(result) };
        };
        // SAFETY: everything borrowed is in `f`, which is gone when `catch` has returned, and in
        // the packet, which `run` and the handle own. The scope, and with it `'scope`, waits until
        // the packet is gone (see the module's head). The goroutine's own outcome is `()`.
        let goroutine = unsafe { self.spawn_unchecked(run, inherited) }?;
        Ok(ScopedJoinHandle { goroutine, packet })
    }
}

/// Handle to a goroutine of a [`scope`]. If it is dropped, the scope still waits for the goroutine.
///
/// ```
/// use gort::prelude::*;
///
/// let text = String::from("borrowed");
/// let (tx, rx) = bounded::<()>(0);
/// gort::scope(|s| {
///     let handle = go!(scope(s), || { rx.iter().count(); text.len() });
///     println!("{} reads the text", handle.goroutine().id());
///     assert!(!handle.is_finished(), "it waits for the channel's end");
///     drop(tx);
///     assert_eq!(handle.join().unwrap(), 8);
/// });
/// ```
pub struct ScopedJoinHandle<'scope, T> {
    goroutine: JoinHandle<()>,
    packet: Arc<Packet<'scope, T>>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits until the goroutine has ended, and returns its result.
    ///
    /// # Errors
    /// Returns the errors of [`JoinHandle::join`].
    #[track_caller]
    pub fn join(self) -> Result<T, JoinError> {
        let ended = self.goroutine.join();
        // SAFETY: the goroutine has ended and dropped its share of the packet. Only we can access
        // it.
        match (unsafe { (*self.packet.result.get()).take() }, ended) {
            (Some(Err(payload)), _) if is_goexit(&*payload) => Err(JoinError::exited()),
            // This holds even if the goroutine was exiting: the panic replaced the exit.
            (Some(Err(payload)), _) => Err(JoinError::panicked(payload)),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (value, Err(e)) => {
                // The function returned although the goroutine was exiting.
                unwind::discard(value);
                Err(e)
            }
            (None, Ok(())) => {
                crate::base::throw::throw("a scoped goroutine ended without a result")
            }
        }
    }

    /// Returns `true` if the goroutine has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.goroutine.is_finished()
    }

    /// Returns the goroutine's id and name.
    #[must_use]
    pub fn goroutine(&self) -> Goroutine {
        self.goroutine.goroutine()
    }
}

impl<'a, T> From<&'a ScopedJoinHandle<'_, T>> for Ending<'a> {
    fn from(handle: &'a ScopedJoinHandle<'_, T>) -> Self {
        Self::from(&handle.goroutine)
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}
