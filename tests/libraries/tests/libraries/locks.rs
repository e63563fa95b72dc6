//! Locks that know their holder: parking_lot's ReentrantMutex and recursive pthread mutexes. Also
//! pthread keys.

use crate::{MANY, TIMES};
use gort_libraries::{many, moving, wait};
use parking_lot::ReentrantMutex;
use std::cell::{Cell, UnsafeCell};
use std::mem::zeroed;
use std::ptr;
use std::sync::Arc;

/// Number of goroutines that share a lock.
const GROUP: usize = 4;

/// A recursive mutex of libc.
struct Recursive(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: any thread may call the mutex' functions, and nothing else is done with it.
unsafe impl Send for Recursive {}
// SAFETY: any thread may call the mutex' functions, and nothing else is done with it.
unsafe impl Sync for Recursive {}

impl Recursive {
    fn new() -> Box<Self> {
        // SAFETY: these are our own structures, which are initialised here. The box keeps the mutex
        // in its place.
        unsafe {
            let mut attributes: libc::pthread_mutexattr_t = zeroed();
            libc::pthread_mutexattr_init(&raw mut attributes);
            libc::pthread_mutexattr_settype(&raw mut attributes, libc::PTHREAD_MUTEX_RECURSIVE);
            let mutex = Box::new(Self(UnsafeCell::new(zeroed())));
            libc::pthread_mutex_init(mutex.0.get(), &raw const attributes);
            mutex
        }
    }

    fn try_lock(&self) -> bool {
        // SAFETY: the mutex is initialised.
        unsafe { libc::pthread_mutex_trylock(self.0.get()) == 0 }
    }

    fn unlock(&self) -> bool {
        // SAFETY: the mutex is initialised, and libc refuses a caller that does not hold it.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) == 0 }
    }
}

moving! {
    // TL06
    fn a_reentrant_mutex_is_entered_by_its_owner_only() {
        let locks: Arc<Vec<_>> =
            Arc::new((0..MANY / GROUP).map(|_| ReentrantMutex::new(Cell::new(usize::MAX))).collect());
        many(MANY, move |i| {
            let lock = &locks[i / GROUP];
            for _ in 0..TIMES {
                assert!(!lock.is_owned_by_current_thread());
                let outer = loop {
                    match lock.try_lock() {
                        Some(guard) => break guard,
                        None => wait(),
                    }
                };
                assert_eq!(outer.replace(i), usize::MAX);
                wait();
                let inner = lock.try_lock().expect("mine already");
                wait();
                assert_eq!(inner.get(), i);
                drop(inner);
                wait();
                assert!(lock.is_owned_by_current_thread());
                assert_eq!(outer.replace(usize::MAX), i);
                drop(outer);
                wait();
            }
        });
    }

    // TL06
    /// In this test a goroutine that waits for the lock blocks its thread.
    fn a_reentrant_mutexs_owner_continues_while_others_block_for_it() {
        let lock = Arc::new(ReentrantMutex::new(Cell::new(0)));
        let counted = lock.clone();
        many(8, move |_| {
            for _ in 0..TIMES {
                let outer = lock.lock();
                let before = outer.get();
                wait();
                let inner = lock.lock();
                wait();
                inner.set(before + 1);
                drop(outer);
                wait();
                drop(inner);
            }
        });
        assert_eq!(counted.lock().get(), 8 * TIMES);
    }

    // TL06
    fn a_recursive_mutex_is_entered_by_its_owner_only() {
        let locks: Arc<Vec<_>> = Arc::new((0..MANY / GROUP).map(|_| Recursive::new()).collect());
        let holders: Arc<Vec<_>> =
            Arc::new((0..MANY / GROUP).map(|_| parking_lot::Mutex::new(usize::MAX)).collect());
        many(MANY, move |i| {
            let (lock, holder) = (&locks[i / GROUP], &holders[i / GROUP]);
            let change = |from, to| assert_eq!(std::mem::replace(&mut *holder.lock(), to), from);
            for _ in 0..TIMES {
                while !lock.try_lock() {
                    wait();
                }
                change(usize::MAX, i);
                wait();
                assert!(lock.try_lock());
                wait();
                assert!(lock.unlock());
                wait();
                change(i, usize::MAX);
                assert!(lock.unlock());
                assert!(!lock.unlock(), "not mine any more");
                wait();
            }
        });
    }

    // TL06
    fn each_goroutine_has_its_own_values_of_keys() {
        /// More keys than fit into the control block: libc allocates room for the others at their
        /// first use.
        const KEYS: usize = 40;
        let keys: Arc<Vec<_>> = Arc::new((0..KEYS).map(|_| {
            let mut key = 0;
            // SAFETY: the call writes a key.
            assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, None) }, 0);
            key
        }).collect());
        many(MANY, move |i| {
            for round in 0..TIMES {
                let key = keys[(i + round * 7) % KEYS];
                let value = ptr::without_provenance(i * TIMES + round + 1);
                // SAFETY: the value is a number that is not used as an address.
                assert_eq!(unsafe { libc::pthread_setspecific(key, value) }, 0);
                wait();
                // SAFETY: the call only reads.
                assert_eq!(unsafe { libc::pthread_getspecific(key) }.cast_const(), value);
            }
        });
    }
}
