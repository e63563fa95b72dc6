//! A global allocator whose caches belong to the threads, even if goroutines have their own
//! thread-locals.
//!
//! Allocators such as jemalloc and mimalloc keep freed memory in caches per thread, in
//! thread-locals. If goroutines have their own thread-locals, every goroutine that allocates gets
//! such a cache. [`OnThread`] calls the allocator with the thread pointer of the thread that runs
//! the goroutine, and restores the goroutine's afterwards.
//!
//! This only saves memory. It is never needed for correctness: an allocator must accept memory back
//! under any thread pointer, because memory may be freed by another thread. So where the switch is
//! expensive, or its cost unknown, the call is forwarded.
//!
//! # When the thread pointer is switched
//! It is switched if this thread has an M, and the current thread pointer is not that of the M's
//! g0. The calling code then runs in a goroutine with its own thread-locals (or in such a
//! goroutine's call on g0, `on_system_stack`). Nothing else uses the M's thread pointer: neither g0
//! nor a goroutine that uses the thread's thread-locals runs now. In all other places the two
//! pointers are the same, or there is no M.
//!
//! # What can happen in between
//! `call_under` stores the M in the thread's word `gort_current_m`, which already holds it, and
//! sets the thread pointer. [`lend`] clears that word, calls the allocator, and stores the M again.
//! `call_under` sets the goroutine's thread pointer.
//!
//! - *A signal handler* finds a consistent thread at each step. Its thread pointer and the word
//!   that `current_m` reads there are the goroutine's and the M, or the thread's and the M, or the
//!   thread's and null. The handler of `setuid` (`stack/setxid.rs`) needs the thread's pointer: it
//!   sets it in the first case, sets it to the same value in the second, and leaves it alone in the
//!   third.
//! - *The allocator uses gort.* It finds no M, so it counts as a plain thread: a lock blocks the
//!   thread, and nothing parks. If it parked, the goroutine could continue elsewhere while the
//!   allocator's frames hold addresses of this thread's thread-locals.
//! - *The allocator allocates* through the global allocator: it finds no M, so the call is
//!   forwarded.
//! - *The allocator unwinds.* This is not allowed, and the process aborts, because [`lend`]'s
//!   callers are `extern "C"`.
//! - *The allocator aborts, or runs into the guard of the goroutine's stack.* The handler for that
//!   finds the goroutine by the thread's id (`stack/overflow.rs`).
//! - *The process forks.* To libc the only thread of the child is the goroutine's, and the thread
//!   block of the thread that ran it is free memory. `stack/fork.rs` makes the goroutine's pointer
//!   that of the M; from then on calls are forwarded. If the allocator itself forks during a call,
//!   the thread's own pointer is set, so libc keeps the thread's block.
//! - *The allocator sets `errno`.* It sets the thread's `errno`. The goroutine's stays unchanged.
//! - *Destructors of thread-locals* that the allocator registers belong to the thread, and run when
//!   it ends.
//!
//! Compilers see neither of the two switches. So that no address of a thread-local is computed
//! before a switch and used after it, the allocator is called by address, from assembly. Code that
//! is inlined around the call uses the goroutine's thread-locals.

use crate::arch::{self, Gobuf, ObserverFn};
use std::alloc::{GlobalAlloc, Layout};
use std::ptr;

/// A global allocator that calls `A` with the thread's own thread-locals, so that allocators keep
/// their caches per thread and not per goroutine.
///
/// It matters only in goroutines that have their own thread-locals
/// ([`own_thread_locals`](crate::Builder::own_thread_locals)). Everywhere else, and on x86-64
/// without the instruction that sets the thread pointer, it only forwards calls to `A`. libc's
/// `malloc` gains less from it: `malloc` keeps no cache for such goroutines.
///
/// A call of `A` in such a goroutine additionally changes the thread pointer twice. That takes 3 ns
/// on some processors, and more than 30 ns on others. The guide's chapter on thread-locals has
/// figures. Memory that C code allocates with `malloc` does not pass through this allocator. An
/// allocation that fails does not change the goroutine's `errno`.
///
/// If `A` uses gort during a call, the calling thread counts as a plain thread. Go has no
/// counterpart: the allocator is part of its runtime, and the allocator's caches belong to the Ps.
///
/// # Examples
/// ```
/// use gort::alloc::OnThread;
/// use std::alloc::System;
///
/// // Or jemalloc's, mimalloc's, …
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

/// A call of the allocator. `at` receives its result.
struct AllocCall<'a, A> {
    allocator: &'a A,
    m: *mut u8,
    layout: Layout,
    at: *mut u8,
    new_size: usize,
}

/// Returns this thread's M, if the thread pointer must be switched to that of the M and the switch
/// is cheap.
#[inline(always)]
fn m_to_switch_to() -> Option<*mut u8> {
    let m = arch::current_m();
    // SAFETY: `m` is null, or this thread's M. An M begins with g0's context (`arch/mod.rs`), and
    // lives for ever.
    let own = unsafe { m.cast::<Gobuf>().as_ref() }?.tp;
    let other = !own.is_null() && own != arch::thread_pointer();
    (other && arch::sets_thread_pointer_cheaply()).then_some(m)
}

/// Makes `call` through `f` under the thread pointer of the M. `f` makes the thread a plain one for
/// the allocator ([`lend`]). Returns what the allocator returned.
///
/// # Safety
/// `call.m` was just returned by [`m_to_switch_to`]. `f` makes calls of an `A`, and `call` is valid
/// for it.
unsafe fn call_as_thread<A: GlobalAlloc>(f: ObserverFn, mut call: AllocCall<'_, A>) -> *mut u8 {
    // SAFETY: the caller says that `call.m` is this thread's M, which begins with g0's context. The
    // thread's own pointer is not in use while a goroutine has its own here (see "When the thread
    // pointer is switched" above). The caller says that `f` makes calls of an `A`, as `call` is;
    // and `f` does not unwind.
    unsafe {
        let own = (*call.m.cast::<Gobuf>()).tp;
        arch::call_under(own, call.m, f, (&raw mut call).cast());
    }
    call.at
}

/// Calls `f`, which calls the allocator, while this thread has no M and so counts as a plain
/// thread. Stores the result in `call`.
///
/// # Safety
/// `call` points to the `AllocCall<A>` of [`call_as_thread`], which calls this function under the
/// M's thread pointer.
#[inline(always)]
unsafe fn lend<A>(call: *mut u8, f: impl FnOnce(&AllocCall<'_, A>) -> *mut u8) {
    // SAFETY: the caller says that `call` is that of `call_as_thread`, which does not access it
    // while this function runs.
    let call = unsafe { &mut *call.cast::<AllocCall<'_, A>>() };
    arch::set_current_m(ptr::null_mut());
    call.at = f(call);
    arch::set_current_m(call.m);
}

/// # Safety
/// Called by `call_as_thread`, with a call that is valid for this function.
unsafe extern "C" fn alloc<A: GlobalAlloc>(call: *mut u8) {
    // SAFETY: the caller guarantees that the call is valid for this method.
    unsafe { lend::<A>(call, |c| c.allocator.alloc(c.layout)) }
}

/// # Safety
/// The contract is that of [`alloc`].
unsafe extern "C" fn alloc_zeroed<A: GlobalAlloc>(call: *mut u8) {
    // SAFETY: the caller guarantees that the call is valid for this method.
    unsafe { lend::<A>(call, |c| c.allocator.alloc_zeroed(c.layout)) }
}

/// # Safety
/// The contract is that of [`alloc`].
unsafe extern "C" fn dealloc<A: GlobalAlloc>(call: *mut u8) {
    // SAFETY: the caller guarantees that the call is valid for this method.
    unsafe {
        lend::<A>(call, |c| {
            c.allocator.dealloc(c.at, c.layout);
            ptr::null_mut()
        });
    }
}

/// # Safety
/// The contract is that of [`alloc`].
unsafe extern "C" fn realloc<A: GlobalAlloc>(call: *mut u8) {
    // SAFETY: the caller guarantees that the call is valid for this method.
    unsafe { lend::<A>(call, |c| c.allocator.realloc(c.at, c.layout, c.new_size)) }
}

// SAFETY: each method calls `A`'s method with its own arguments (so the caller keeps the contracts
// of `A`'s methods), returns what that returned, and does not unwind. `A` runs with the
// thread-locals of a thread that does nothing else during the call, and may be called on any
// thread.
unsafe impl<A: GlobalAlloc> GlobalAlloc for OnThread<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(m) = m_to_switch_to() else {
            // SAFETY: the caller keeps the contract of `A`'s method, which is the same.
            return unsafe { self.0.alloc(layout) };
        };
        // SAFETY: `m_to_switch_to` has just returned `m`. The caller keeps the contract of `A`'s
        // method.
        unsafe { call_as_thread(alloc::<A>, self.call(m, layout, ptr::null_mut(), 0)) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(m) = m_to_switch_to() else {
            // SAFETY: the caller keeps the contract of `A`'s method, which is the same.
            return unsafe { self.0.alloc_zeroed(layout) };
        };
        // SAFETY: `m_to_switch_to` has just returned `m`. The caller keeps the contract of `A`'s
        // method.
        unsafe { call_as_thread(alloc_zeroed::<A>, self.call(m, layout, ptr::null_mut(), 0)) }
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let Some(m) = m_to_switch_to() else {
            // SAFETY: the caller keeps the contract of `A`'s method, which is the same.
            return unsafe { self.0.dealloc(at, layout) };
        };
        // SAFETY: `m_to_switch_to` has just returned `m`. The caller keeps the contract of `A`'s
        // method.
        unsafe { call_as_thread(dealloc::<A>, self.call(m, layout, at, 0)) };
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(m) = m_to_switch_to() else {
            // SAFETY: the caller keeps the contract of `A`'s method, which is the same.
            return unsafe { self.0.realloc(at, layout, new_size) };
        };
        // SAFETY: `m_to_switch_to` has just returned `m`. The caller keeps the contract of `A`'s
        // method.
        unsafe { call_as_thread(realloc::<A>, self.call(m, layout, at, new_size)) }
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
