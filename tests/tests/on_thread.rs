//! `alloc::OnThread`: allocators keep their caches per thread, also for goroutines with
//! thread-locals of their own.
//!
//! The allocator of this program, [`Caching`], keeps blocks of 64 bytes in a thread-local. A block
//! with the alignment of [`ASK`] or [`ASK_AND_YIELD`] contains an [`Answer`]: which thread-local
//! the allocator has used, and on which thread it ran.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(
    clippy::disallowed_methods,
    reason = "thread-locals across waits are what this is about"
)]

use gort::alloc::OnThread;
use gort::prelude::*;
use gort::{Builder, on_system_stack};
use gort_tests::own::{Meeting, many, own};
use gort_tests::{on_1_2_and_8_procs_with, role, run_child};
use std::alloc::{GlobalAlloc, Layout, System, alloc, dealloc};
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::ptr;
use std::sync::Mutex;
use std::thread;

#[global_allocator]
static ALLOCATOR: OnThread<Caching> = OnThread(Caching);

const MANY: usize = 200;
const WAITS: usize = 50;

/// Asks which cache a call has and on which thread it runs.
const ASK: Layout = layout(1 << 12);
/// Asks the same before and after a gort operation that makes a goroutine continue elsewhere. If
/// the answers differ, `tid` is 0.
const ASK_AND_YIELD: Layout = layout(1 << 13);
/// Uses up the stack.
const RECURSE: Layout = layout(1 << 14);
/// Fails and sets `errno`.
const FAIL: Layout = layout(1 << 15);

const fn layout(align: usize) -> Layout {
    match Layout::from_size_align(size_of::<Answer>(), align) {
        Ok(layout) => layout,
        Err(_) => panic!("a layout"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    cache: usize,
    tid: libc::pid_t,
}

/// The cache that the allocator keeps for one thread, or for a goroutine with thread-locals of its
/// own, which looks like a thread to it.
struct Cache {
    busy: Cell<bool>,
    /// The first free block, which holds the address of the next one.
    free: Cell<*mut u8>,
    blocks: Cell<usize>,
}

thread_local! {
    static CACHE: Cache = const {
        Cache { busy: Cell::new(false), free: Cell::new(ptr::null_mut()), blocks: Cell::new(0) }
    };
}

/// Returns the address of the caller's cache.
fn cache() -> usize {
    CACHE.with(|cache| ptr::from_ref(cache).addr())
}

fn gettid() -> libc::pid_t {
    // SAFETY: the call only returns a number.
    unsafe { libc::gettid() }
}

fn here() -> Answer {
    Answer {
        cache: cache(),
        tid: gettid(),
    }
}

/// libc's allocator behind a cache of blocks of 64 bytes.
struct Caching;

impl Caching {
    const MAX_BLOCKS: usize = 32;

    fn is_cached(layout: Layout) -> bool {
        layout.size() == 64 && layout.align() <= 16
    }

    /// Calls `f` with the cache. No other thread may use it during the call.
    fn using<T>(f: impl FnOnce(&Cache) -> T) -> T {
        CACHE.with(|cache| {
            if cache.busy.replace(true) {
                // Two threads use one cache.
                std::process::abort();
            }
            let result = f(cache);
            cache.busy.set(false);
            result
        })
    }
}

// SAFETY: all memory is libc's. A block in a cache has no owner, and is given to one caller.
unsafe impl GlobalAlloc for Caching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if Self::is_cached(layout) {
            let cached = Self::using(|cache| {
                let first = cache.free.get();
                if !first.is_null() {
                    // SAFETY: a free block holds the next one's address.
                    cache.free.set(unsafe { first.cast::<*mut u8>().read() });
                    cache.blocks.set(cache.blocks.get() - 1);
                }
                first
            });
            if !cached.is_null() {
                return cached;
            }
        }
        if layout == RECURSE {
            deep(0);
        }
        if layout == FAIL {
            // SAFETY: the pointer is to this thread's own `errno`.
            unsafe { *libc::__errno_location() = libc::ENOMEM };
            return ptr::null_mut();
        }
        // SAFETY: the caller promises that the layout is valid, and it is passed to libc's
        // allocator.
        let at = unsafe { System.alloc(layout) };
        if (layout == ASK || layout == ASK_AND_YIELD) && !at.is_null() {
            let answer = here();
            let same = layout == ASK || {
                gort::yield_now();
                here() == answer
            };
            let tid = if same { answer.tid } else { 0 };
            // SAFETY: the memory has room for an answer and is aligned.
            unsafe { at.cast::<Answer>().write(Answer { tid, ..answer }) };
        }
        at
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let kept = Self::is_cached(layout)
            && Self::using(|cache| {
                let room = cache.blocks.get() < Self::MAX_BLOCKS;
                if room {
                    // SAFETY: the caller has given the block up, and it has room for an address.
                    unsafe { at.cast::<*mut u8>().write(cache.free.get()) };
                    cache.free.set(at);
                    cache.blocks.set(cache.blocks.get() + 1);
                }
                room
            });
        if !kept {
            // SAFETY: the caller promises that the memory and its layout are those of an
            // allocation, which was libc's.
            unsafe { System.dealloc(at, layout) }
        }
    }
}

fn deep(n: u64) -> u64 {
    let frame = black_box([n; 64]);
    if n == u64::MAX {
        0
    } else {
        deep(n + 1) + frame[3]
    }
}

/// Asks the allocator by allocating `ask`, one of the layouts above.
fn answer(allocator: &impl GlobalAlloc, ask: Layout) -> Answer {
    // SAFETY: the layout is not empty. The memory that is returned holds an answer, and is given
    // back.
    unsafe {
        let at = allocator.alloc(ask);
        let answer = at.cast::<Answer>().read();
        allocator.dealloc(at, ask);
        answer
    }
}

/// Defines tests whose goroutines change threads each time they run.
macro_rules! moving {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            on_1_2_and_8_procs_with(stringify!($name), &[("GORT_DEBUG", "migrate=always")], || $body);
        }
    )*};
}

moving! {
    fn an_allocator_has_the_threads_thread_locals_and_not_the_goroutines() {
        static CACHES: Mutex<Option<HashMap<libc::pid_t, usize>>> = Mutex::new(None);
        let meeting = Meeting::of(MANY);
        let mine = many(MANY, move |_| {
            for _ in 0..WAITS {
                let (before, answer, after) = (gettid(), answer(&ALLOCATOR, ASK), gettid());
                assert_eq!((before, answer.tid), (after, after));
                assert_ne!(answer.cache, cache());
                let mut caches = CACHES.lock().unwrap();
                let known = *caches.get_or_insert_default().entry(after).or_insert(answer.cache);
                assert_eq!(known, answer.cache, "two caches of one thread");
                drop(caches);
                yield_now();
            }
            meeting.join(yield_now);
            cache()
        });
        let caches = CACHES.lock().unwrap().take().unwrap();
        let of_threads: HashSet<_> = caches.values().collect();
        let of_goroutines: HashSet<_> = mine.iter().collect();
        assert_eq!(of_goroutines.len(), MANY);
        assert!(of_threads.is_disjoint(&of_goroutines));
    }

    // Shows what `OnThread` prevents: without it each goroutine fills a cache of its own.
    fn without_the_wrapper_the_allocator_has_the_goroutines_thread_locals() {
        many(MANY, |_| {
            for _ in 0..WAITS {
                assert_eq!(answer(&Caching, ASK).cache, cache());
                yield_now();
            }
        });
    }

    fn caches_of_goroutines_stay_empty_and_values_whole() {
        let (give, take) = unbounded::<Vec<Box<[u64; 8]>>>();
        many(MANY, move |i| {
            let number = i as u64;
            for round in 0..WAITS {
                let mut boxes: Vec<_> = (0..10).map(|_| Box::new([number; 8])).collect();
                let mut text = String::new();
                for n in 0..30 {
                    text += &format!("{i} {n},");
                    if n % 10 == 0 {
                        yield_now();
                    }
                }
                assert_eq!(text.split(',').count(), 31);
                let zeroed = vec![0_u64; 1 + round * 100];
                assert!(zeroed.iter().all(|&n| n == 0));
                assert!(boxes.iter().all(|b| **b == [number; 8]));
                boxes.truncate(8);
                // Another goroutine frees them, on some thread.
                give.send(boxes).unwrap();
                let others = take.recv().unwrap();
                assert!(others.iter().all(|b| b.iter().all(|n| *n == b[0])));
                assert_eq!(CACHE.with(|cache| cache.blocks.get()), 0);
            }
        });
    }

    fn inside_the_allocator_gorts_operations_act_as_on_a_plain_thread() {
        many(MANY, |_| {
            for _ in 0..WAITS {
                let answer = answer(&ALLOCATOR, ASK_AND_YIELD);
                assert_eq!(answer.tid, gettid(), "it has continued on another thread");
                yield_now();
            }
        });
    }

    fn everywhere_else_it_forwards() {
        let same = || {
            assert_eq!(answer(&ALLOCATOR, ASK), here());
        };
        thread::spawn(same).join().unwrap();
        Builder::new().spawn(move || (0..WAITS).for_each(|_| { same(); yield_now(); })).unwrap().join().unwrap();
        own(move || {
            thread::scope(|s| s.spawn(same).join().unwrap());
            // On g0 a goroutine's call gets the same cache.
            on_system_stack(|| assert_ne!(answer(&ALLOCATOR, ASK).cache, cache()));
        }).join().unwrap();
    }

    fn errno_stays_the_goroutines_when_an_allocation_fails() {
        many(MANY, |i| {
            let value = i as libc::c_int + 1000;
            // SAFETY: this is the goroutine's own `errno`, and the layout is not empty.
            unsafe {
                *libc::__errno_location() = value;
                assert!(alloc(FAIL).is_null());
                assert_eq!(*libc::__errno_location(), value);
            }
        });
    }

    fn in_a_child_that_a_goroutine_forks_it_forwards() {
        extern "C" fn take_and_give(_: *mut libc::c_void) -> *mut libc::c_void {
            for n in 0..200_u64 {
                drop(black_box(Box::new([n; 8])));
                drop(black_box(vec![n; n as usize]));
            }
            ptr::null_mut()
        }
        /// Returns whether the allocator works in the child.
        fn child() -> bool {
            if answer(&ALLOCATOR, ASK).cache != cache() {
                return false;
            }
            // libc gives these threads the blocks of the threads that the child does not have.
            let mut threads = [0; 8];
            for thread in &mut threads {
                // SAFETY: the function takes no argument, and the thread is joined below.
                let error = unsafe { libc::pthread_create(thread, ptr::null(), take_and_give, ptr::null_mut()) };
                if error != 0 {
                    return false;
                }
            }
            take_and_give(ptr::null_mut());
            // SAFETY: each was started above, and is joined once.
            threads.iter().all(|&thread| unsafe { libc::pthread_join(thread, ptr::null_mut()) } == 0)
        }
        many(16, |_| {
            for _ in 0..3 {
                assert_ne!(answer(&ALLOCATOR, ASK).cache, cache());
                // SAFETY: the child allocates, for which libc is prepared, starts libc threads, and
                // ends.
                let status = unsafe {
                    match libc::fork() {
                        0 => libc::_exit(if child() { 0 } else { 1 }),
                        pid => {
                            let mut status = 0;
                            assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
                            status
                        }
                    }
                };
                assert_eq!(status, 0);
                yield_now();
            }
        });
    }
}

#[test]
fn an_allocator_that_uses_up_the_stack_is_reported_with_its_goroutine() {
    const NAME: &str = "an_allocator_that_uses_up_the_stack_is_reported_with_its_goroutine";
    match role().as_deref() {
        Some("overflow") => {
            let _ = own(|| {
                yield_now();
                // SAFETY: the layout is not empty.
                unsafe { dealloc(alloc(RECURSE), RECURSE) };
            })
            .join();
        }
        Some(_) => {}
        None => {
            let ended = run_child(NAME, "overflow", &[]);
            assert!(
                ended.stderr.contains("fatal: stack overflow in goroutine"),
                "{ended:?}"
            );
        }
    }
}
