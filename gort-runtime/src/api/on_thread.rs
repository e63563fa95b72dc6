//! A global allocator whose caches belong to the threads, also where goroutines have thread-locals of their own.
//!
//! Allocators such as jemalloc and mimalloc keep for each thread what it has freed, in thread-locals. With
//! thread-locals of its own every goroutine that allocates gets such a cache. [`OnThread`] calls the allocator with
//! the thread pointer of the thread that runs the goroutine, and puts the goroutine's back.
//!
//! It is a saving, and nothing is right or wrong for it: an allocator must take memory back under any thread pointer,
//! as memory may be freed by another thread. So where the switch is dear, or nothing is known, the call is forwarded.
//!
//! # When
//! The calling code has an M, and its thread pointer is not the one that M's g0 has. Then it is in a goroutine with
//! thread-locals of its own (or in its call on g0, `on_system_stack`), and the M's pointer is nobody's but its: g0 and
//! the goroutines that share the thread's do not run now, and neither does this thread otherwise. In all
//! other places the two pointers are the same, or there is no M.
//!
//! # What can come between, step by step
//! `call_under` stores the M in the thread's word `gort_current_m`, where it stands already, and sets the pointer;
//! [`lend`] clears that word, calls the allocator, stores the M again; `call_under` sets the goroutine's pointer.
//!
//! - *A signal handler* meets at each step a whole thread: its thread pointer and the word that `current_m` reads
//!   there are the goroutine's and the M, or the thread's and the M, or the thread's and none. That of `setuid`
//!   (`stack/setxid.rs`) needs the thread's pointer: it sets it in the first case, sets it to what it is in the
//!   second, and leaves it in the third.
//! - *The allocator uses gort.* It finds no M, so this is a plain thread: a lock blocks the thread, and nothing parks.
//!   If it parked, the goroutine could go on elsewhere while addresses of this thread's thread-locals lie in the
//!   allocator's frames.
//! - *The allocator allocates* by the global allocator: no M, so the call is forwarded.
//! - *It unwinds*: not allowed, and the process aborts, as [`lend`]'s callers are `extern "C"`. It aborts, or runs into the
//!   guard of the goroutine's stack: the handler for that finds the goroutine by the thread's id (`stack/overflow.rs`).
//! - *The process forks*: to libc the only thread of the child is the goroutine's, and the block of the one that ran
//!   it is free memory. `stack/fork.rs` makes the goroutine's pointer that of the M; then this forwards. An
//!   allocator that forks inside of a call forks as the thread, whose block stays.
//! - *`errno`* that the allocator leaves is the thread's. The goroutine's stays what it was.
//! - *Destructors of thread-locals* that the allocator registers are the thread's, and run when that ends.
//!
//! Compilers see none of the two switches. So that no address of a thread-local is computed before one and used after,
//! the allocator is called by address, out of assembly; what is inlined around that has the goroutine's.

use crate::arch::{self, Gobuf, ObserverFn};
use std::alloc::{GlobalAlloc, Layout};
use std::ptr;

/// A global allocator that calls `A` on the thread's own thread-locals, so that allocators keep their caches per
/// thread and not per goroutine.
///
/// It matters only in goroutines that have thread-locals of their own
/// ([`own_thread_locals`](crate::Builder::own_thread_locals)). Everywhere else, and on x86-64 without the
/// instruction that sets the thread pointer, it forwards. libc's `malloc` needs it less: it keeps no cache for such
/// goroutines.
///
/// A call of `A` in such a goroutine takes longer by two changes of the thread pointer: 3 ns on some processors, more than
/// 30 ns on others. The guide's chapter on thread-locals has figures. Memory that C code takes by `malloc` does not
/// come this way. `errno` is not changed by an allocation that fails.
///
/// What `A` does with gort inside of a call it does as a plain thread. In Go nothing corresponds to this: the allocator
/// is the runtime's, and its caches belong to the Ps.
///
/// # Examples
/// ```
/// use gort::alloc::OnThread;
/// use std::alloc::System;
///
/// // Or jemalloc's, mimalloc's, ….
/// #[global_allocator]
/// static ALLOCATOR: OnThread<System> = OnThread(System);
///
/// #[gort::main(thread_locals = "own")]
/// fn main() {
///     let text = gort::spawn(|| "text".repeat(100)).join().unwrap();
///     assert_eq!(text.len(), 400);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct OnThread<A: GlobalAlloc>(
    /// The allocator.
    pub A,
);

/// A call of the allocator; its result comes back in `at`.
struct AllocCall<'a, A> {
    allocator: &'a A,
    m: *mut u8,
    layout: Layout,
    at: *mut u8,
    new_size: usize,
}

/// This thread's M, if the caller has a goroutine's thread pointer and it is cheap to set the M's.
#[inline(always)]
fn m_to_ask() -> Option<*mut u8> {
    let m = arch::current_m();
    // SAFETY: null, or an M, which begins with g0's context (`arch/mod.rs`), lives for ever, and is this thread's.
    let own = unsafe { m.cast::<Gobuf>().as_ref() }?.tp;
    let other = !own.is_null() && own != arch::thread_pointer();
    (other && arch::sets_thread_pointer_cheaply()).then_some(m)
}

/// Makes `call` by `f`, [`lend`]ing the thread to the allocator; gives what the allocator returned.
///
/// # Safety
/// `m` is from [`m_to_ask`], just now; `f` makes calls of an `A`, and this is one that may be made.
unsafe fn ask<A: GlobalAlloc>(f: ObserverFn, mut call: AllocCall<'_, A>) -> *mut u8 {
    // SAFETY: as for `m_to_ask`. The thread's own pointer is used by nobody while a goroutine has its own here
    // ("When", above). `f` gets a call of the type that it is for, and does not unwind.
    unsafe {
        let own = (*call.m.cast::<Gobuf>()).tp;
        arch::call_under(own, call.m, f, (&raw mut call).cast());
    }
    call.at
}

/// Runs a part of the allocator as a plain thread.
///
/// # Safety
/// `call` is that of [`ask`], under whose thread pointer this runs; the clauses of `f` hold for it.
#[inline(always)]
unsafe fn lend<A>(call: *mut u8, f: impl FnOnce(&AllocCall<'_, A>) -> *mut u8) {
    // SAFETY: caller's clause: `ask`'s, which does not look at it meanwhile.
    let call = unsafe { &mut *call.cast::<AllocCall<'_, A>>() };
    arch::set_current_m(ptr::null_mut());
    call.at = f(call);
    arch::set_current_m(call.m);
}

/// # Safety
/// Called by `ask`, with a call that may be made of this function.
unsafe extern "C" fn alloc<A: GlobalAlloc>(call: *mut u8) {
    // SAFETY: caller's clause: the call is one that may be made of this method.
    unsafe { lend::<A>(call, |c| c.allocator.alloc(c.layout)) }
}

/// # Safety
/// As [`alloc`].
unsafe extern "C" fn alloc_zeroed<A: GlobalAlloc>(call: *mut u8) {
    // SAFETY: caller's clause: the call is one that may be made of this method.
    unsafe { lend::<A>(call, |c| c.allocator.alloc_zeroed(c.layout)) }
}

/// # Safety
/// As [`alloc`].
unsafe extern "C" fn dealloc<A: GlobalAlloc>(call: *mut u8) {
    // SAFETY: caller's clause: the call is one that may be made of this method.
    unsafe {
        lend::<A>(call, |c| {
            c.allocator.dealloc(c.at, c.layout);
            ptr::null_mut()
        });
    }
}

/// # Safety
/// As [`alloc`].
unsafe extern "C" fn realloc<A: GlobalAlloc>(call: *mut u8) {
    // SAFETY: caller's clause: the call is one that may be made of this method.
    unsafe { lend::<A>(call, |c| c.allocator.realloc(c.at, c.layout, c.new_size)) }
}

// SAFETY: each method is `A`'s, called with what this one was called with (so the caller keeps `A`'s clauses), and
// gives what that gave; it does not unwind. The thread-locals under which `A` runs are those of a thread that does
// nothing else meanwhile, and `A` may be called on any thread.
unsafe impl<A: GlobalAlloc> GlobalAlloc for OnThread<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(m) = m_to_ask() else {
            // SAFETY: caller's clause: it is `A`'s.
            return unsafe { self.0.alloc(layout) };
        };
        // SAFETY: the M was just found; the caller's clause is `A`'s.
        unsafe { ask(alloc::<A>, self.call(m, layout, ptr::null_mut(), 0)) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(m) = m_to_ask() else {
            // SAFETY: caller's clause: it is `A`'s.
            return unsafe { self.0.alloc_zeroed(layout) };
        };
        // SAFETY: the M was just found; the caller's clause is `A`'s.
        unsafe { ask(alloc_zeroed::<A>, self.call(m, layout, ptr::null_mut(), 0)) }
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let Some(m) = m_to_ask() else {
            // SAFETY: caller's clause: it is `A`'s.
            return unsafe { self.0.dealloc(at, layout) };
        };
        // SAFETY: the M was just found; the caller's clause is `A`'s.
        unsafe { ask(dealloc::<A>, self.call(m, layout, at, 0)) };
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(m) = m_to_ask() else {
            // SAFETY: caller's clause: it is `A`'s.
            return unsafe { self.0.realloc(at, layout, new_size) };
        };
        // SAFETY: the M was just found; the caller's clause is `A`'s.
        unsafe { ask(realloc::<A>, self.call(m, layout, at, new_size)) }
    }
}

impl<A: GlobalAlloc> OnThread<A> {
    #[inline]
    fn call(&self, m: *mut u8, layout: Layout, at: *mut u8, new_size: usize) -> AllocCall<'_, A> {
        AllocCall {
            allocator: &self.0,
            m,
            layout,
            at,
            new_size,
        }
    }
}
