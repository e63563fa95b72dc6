//! `Mutex`: Go's `sync.Mutex` as a lock around data.
//!
//! The word's bits:
//!
//! | bit | meaning | set by | cleared by |
//! |---|---|---|---|
//! | `LOCKED` | somebody holds the lock (or it is being handed over) | the locker | the holder, unless it hands over |
//! | `QUEUED` | the queue is not empty | a waiter, under the queue's lock | whoever empties the queue, under its lock |
//! | `WOKEN` | a waiter has been woken and competes | the unlocker, under the queue's lock | that waiter |
//!
//! *Normal mode*: an unlocker frees the lock and wakes the first waiter, which competes
//! with newcomers (they are running already, so throughput is high). A woken waiter that
//! loses goes back to the front of the queue. *Starvation mode*, per waiter: one that has
//! waited for more than 1 ms says so in its record; the next unlocker hands it the
//! lock without freeing it.
//!
//! # Why no wake-up is lost
//! A waiter sets `QUEUED` under the queue's lock by a compare-and-swap that fails if the
//! mutex is free, and keeps that lock until it is parked. An unlocker's swap either
//! comes before (then the waiter sees a free mutex) or sees `QUEUED`, takes the queue's
//! lock and finds the waiter. `WOKEN` suppresses further wake-ups only while a woken
//! waiter is on its way to try again, and it clears the bit before it parks.

use crate::sudog::{Sudog, WaitQueue, wake};
use gort_runtime::{Current, RawLock, WaitReason, now, worth_spinning};
use std::cell::UnsafeCell;
use std::fmt;
use std::hint;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

const LOCKED: u32 = 1;
const QUEUED: u32 = 2;
const WOKEN: u32 = 4;

/// A waiter that has waited for longer is handed the lock: Go's threshold.
const STARVING_NS: u64 = 1_000_000;
/// Rounds of spinning before a goroutine parks (Go's `active_spin`), of so many pauses.
const SPIN_ROUNDS: u32 = 4;
const SPIN_PAUSES: u32 = 30;

/// In a record's `elem`: this waiter is to be handed the lock.
const STARVING: *mut () = ptr::NonNull::dangling().as_ptr();

/// Mutual exclusion around a value. Goroutines that wait do not occupy a thread; plain
/// threads may use it too. No poisoning: a panic releases the lock. Go's `sync.Mutex`.
pub struct Mutex<T: ?Sized> {
    word: AtomicU32,
    queue_lock: RawLock,
    queue: UnsafeCell<WaitQueue>,
    data: UnsafeCell<T>,
}

// SAFETY: the data is reached by one guard at a time; the queue under its lock.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

/// The lock is held by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldBlock;

impl fmt::Display for WouldBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is held by somebody else")
    }
}

impl std::error::Error for WouldBlock {}

/// Holds a [`Mutex`] until dropped. May be dropped by another goroutine than the one
/// that locked.
#[must_use = "the mutex is unlocked as soon as the guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    _data: PhantomData<&'a mut T>,
}

impl<T> Mutex<T> {
    /// An unlocked mutex around `value`.
    pub const fn new(value: T) -> Self {
        Self {
            word: AtomicU32::new(0),
            queue_lock: RawLock::new(),
            queue: UnsafeCell::new(WaitQueue::new()),
            data: UnsafeCell::new(value),
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, waiting while somebody else holds the lock. Not reentrant: locking again in
    /// the same goroutine waits for ever.
    #[track_caller]
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        if self
            .word
            .compare_exchange(0, LOCKED, Acquire, Relaxed)
            .is_err()
        {
            self.lock_slow(Location::caller());
        }
        self.guard()
    }

    /// Locks if nobody holds the lock.
    ///
    /// # Errors
    /// If somebody does, also the caller itself.
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, WouldBlock> {
        let word = self.word.load(Relaxed);
        if word & LOCKED == 0
            && self
                .word
                .compare_exchange(word, word | LOCKED, Acquire, Relaxed)
                .is_ok()
        {
            return Ok(self.guard());
        }
        Err(WouldBlock)
    }

    /// The value; nobody else can have the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            mutex: self,
            _data: PhantomData,
        }
    }

    #[cold]
    fn lock_slow(&self, site: &'static Location<'static>) {
        if self.spin() {
            return;
        }
        let current = Current::new();
        let mut waiting_since = 0;
        let mut woken = false;
        loop {
            self.queue_lock.lock();
            if self.lock_or_queue(woken) {
                // SAFETY: taken above.
                return unsafe { self.queue_lock.unlock() };
            }
            let sg = Sudog::plain(current.waiter(), ptr::null_mut());
            // SAFETY: enqueued under the queue's lock, which `commit` releases; dequeued
            // and woken once, by `unlock_slow`.
            unsafe {
                if waiting_since == 0 {
                    waiting_since = now();
                    (*self.queue.get()).push_back(&sg);
                } else {
                    if now() - waiting_since > STARVING_NS {
                        sg.elem.set(STARVING);
                    }
                    (*self.queue.get()).push_front(&sg);
                }
                let queue_lock = &self.queue_lock;
                current.park(
                    || {
                        queue_lock.unlock();
                        true
                    },
                    WaitReason::MutexLock,
                    site,
                );
            }
            if sg.success.get() {
                // Handed over, still locked.
                return;
            }
            woken = true;
        }
    }

    /// Under the queue's lock: takes the mutex if it is free (true), else announces a
    /// waiter. A woken waiter's `WOKEN` is cleared either way.
    fn lock_or_queue(&self, woken: bool) -> bool {
        let clear = if woken { !WOKEN } else { !0 };
        let mut word = self.word.load(Relaxed);
        loop {
            let free = word & LOCKED == 0;
            let new = (word | if free { LOCKED } else { QUEUED }) & clear;
            match self.word.compare_exchange_weak(word, new, Acquire, Relaxed) {
                Ok(_) => return free,
                Err(now) => word = now,
            }
        }
    }

    /// Tries for a moment: critical sections are often shorter than a park.
    fn spin(&self) -> bool {
        if !worth_spinning() {
            return false;
        }
        for _ in 0..SPIN_ROUNDS {
            for _ in 0..SPIN_PAUSES {
                hint::spin_loop();
            }
            let word = self.word.load(Relaxed);
            if word & LOCKED == 0
                && self
                    .word
                    .compare_exchange(word, word | LOCKED, Acquire, Relaxed)
                    .is_ok()
            {
                return true;
            }
        }
        false
    }

    #[cold]
    fn unlock_slow(&self) {
        let mut word = self.word.load(Relaxed);
        while word & QUEUED == 0 || word & WOKEN != 0 {
            // Nobody to wake, or somebody awake already.
            match self
                .word
                .compare_exchange_weak(word, word & !LOCKED, Release, Relaxed)
            {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        // QUEUED stays set and WOKEN clear: only a holder changes either, and that is us.
        self.queue_lock.lock();
        // SAFETY: we hold the queue's lock; the record is woken below, once.
        unsafe {
            let Some(sg) = (*self.queue.get()).dequeue() else {
                unreachable!("QUEUED is set only with somebody in the queue")
            };
            let hand_over = sg.elem.get() == STARVING;
            sg.success.set(hand_over);
            if (*self.queue.get()).is_empty() {
                self.word.fetch_and(!QUEUED, Relaxed);
            }
            if !hand_over {
                // LOCKED off, WOKEN on.
                self.word.fetch_xor(LOCKED | WOKEN, Release);
            }
            self.queue_lock.unlock();
            wake(sg);
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds the lock.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock and is borrowed exclusively.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self
            .mutex
            .word
            .compare_exchange(LOCKED, 0, Release, Relaxed)
            .is_err()
        {
            self.mutex.unlock_slow();
        }
    }
}

// SAFETY: a shared guard gives `&T`, no more. (A guard is Send if `&mut T` is: the lock
// belongs to whoever holds the guard, not to a thread.)
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => debug.field("data", &&*guard),
            Err(WouldBlock) => debug.field("data", &format_args!("<locked>")),
        };
        debug.finish()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
