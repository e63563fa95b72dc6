//! The context switch. Each architecture has one file, and all files export the same names.
//!
//! A saved context is a [`Gobuf`]: the stack pointer and, if the goroutine has thread-locals of its
//! own, the thread pointer. Everything else that a call must preserve lies on the saved stack. Each
//! file exports:
//!
//! - [`mcall`]`(f, from, m)`: pushes the callee-saved registers, stores the stack pointer in
//!   `*from`, loads `m`'s g0 stack from `*m`, calls `f(from, m)` there, and resumes the context
//!   that `f` returns. That tail *is* `gogo`: it loads the returned context's stack pointer, pops
//!   and returns. In Go, `mcall` never returns and `gogo` is a jump. Here call and return are
//!   paired, which keeps the CPU's return predictor in step (29 ns a switch instead of 76 with
//!   goroutines eight calls deep; see HACKING.md, "Measured").
//! - [`init_stack`]: writes the first frame of a new goroutine. The return address that `entry`
//!   will use lies in `goexit`, as if `goexit` had called `entry`. The entry is reached by a jump,
//!   and returning from it lands in `goexit`.
//! - `goexit`: the routine that calls the [`ExitFn`] (`goexit1`) and never returns. Its CFI marks
//!   its caller as undefined, so backtraces and unwinding stop there.
//! - [`call_from`]`(sp, f, arg)`: calls `f(arg)` on the current stack, with unwind tables that make
//!   the context saved at `sp` the caller. [`saved_pc`]`(sp)` returns the address at which that
//!   context resumes.
//! - `SAVED` and the constants next to it: which registers the frame of [`mcall`] holds, for code
//!   that walks a stack.
//! - [`call_under`]`(tp, m, f, arg)`: calls `f(arg)` with another thread pointer.
//!   [`thread_pointer`] reads the current one.
//! - [`valgrind_request`]`(args)`: executes an instruction sequence that valgrind recognises and
//!   that does nothing on a real processor.
//!
//! [`OnG0Fn`] is the contract of `mcall`'s `f`.
//!
//! The switch does not save floating-point control state (MXCSR, x87 control word, FPCR), as in Go.
//! It does not maintain a shadow stack either: a process with user shadow stacks enabled cannot
//! switch stacks by `ret`.

use std::ptr;
#[cfg(not(any(loom, target_env = "musl")))]
use std::sync::atomic::AtomicUsize;

/// A saved context: the stack pointer, and the thread pointer. The rest is on that stack.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Gobuf {
    /// Stack pointer of the saved frame. Null before the first save, and out of date while the
    /// context runs.
    pub(crate) sp: *mut u8,
    /// For a goroutine with thread-locals of its own: its thread pointer (`stack/identity.rs`). For
    /// every other goroutine: null, because it sees the thread-locals of the thread that runs it.
    /// For g0: the thread's own pointer.
    pub(crate) tp: *mut u8,
    #[cfg(gort_asan)]
    pub(crate) fiber: asan::Fiber,
}

impl Gobuf {
    /// The empty context.
    pub(crate) const NONE: Self = Self {
        sp: ptr::null_mut(),
        tp: ptr::null_mut(),
        #[cfg(gort_asan)]
        fiber: asan::Fiber::NONE,
    };
}

/// The function that [`mcall`] runs on g0. It gets the saved context and the M, and returns the
/// context to resume.
///
/// # Safety
/// The function may rely on the following. Only `mcall` calls it, on g0, with the two pointers that
/// `mcall` got. The context of `mcall`'s caller has just been saved in `from`. (In the runtime,
/// `from` is a `G`, which is not null and was running on this thread, or `m` itself; and `m` is the
/// thread's `M`.)
///
/// The function must not unwind (it is `extern "C"`, so an unwind aborts). It must return a context
/// that was saved by `mcall` or made by `init_stack` and that nothing else resumes. It may return
/// g0's own context only on g0's own thread.
pub(crate) type OnG0Fn = unsafe extern "C" fn(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf;

/// The function that [`call_from`] or [`call_under`] calls. It must not unwind.
///
/// # Safety
/// The caller must pass an `arg` of the type that the function expects.
pub(crate) type ObserverFn = unsafe extern "C" fn(arg: *mut u8);

/// The function that `goexit` calls on the goroutine's stack after the entry function has returned.
///
/// # Safety
/// Only `goexit` calls it: there is no frame below it on this stack.
pub(crate) type ExitFn = unsafe extern "C" fn() -> !;

/// The first function of a goroutine.
///
/// # Safety
/// It is called once, as the first function on the stack that [`init_stack`] prepared for it, with
/// the `arg` that was given to `init_stack`.
pub(crate) type EntryFn = unsafe extern "C" fn(arg: *mut u8);

/// The runtime's only thread-local word: the M of this thread. A goroutine with thread-locals of
/// its own has its own copy, which holds the M of the thread that runs the goroutine. Only assembly
/// accesses the word ([`current_m`], [`set_current_m`]), because LLVM caches the *address* of a
/// Rust thread-local across calls (llvm-project#98479), and a goroutine may resume on another
/// thread.
///
/// The section's name makes the linker allocate one word for each thread, so Rust code must not
/// access the static by its name. It is declared as a Rust item anyway, so that rustc exports it
/// from a `dylib` that contains gort: code inlined into other crates needs it.
///
/// rustc lists Rust's exports for the linker as plain data. lld, its linker for glibc, accepts such
/// a name for a thread-local; GNU ld, its linker for musl, refuses it. With musl, the word is
/// therefore declared in assembly, not as a Rust item. Nothing is lost by that, because there are
/// no `dylib`s with musl.
#[cfg(not(any(loom, target_env = "musl")))]
#[used]
#[unsafe(export_name = "gort_current_m")]
#[unsafe(link_section = ".tbss.gort_current_m")]
static CURRENT_M: AtomicUsize = AtomicUsize::new(0);

#[cfg(all(not(loom), target_env = "musl"))]
std::arch::global_asm!(
    ".pushsection .tbss.gort_current_m, \"awT\", @nobits",
    ".globl gort_current_m",
    ".hidden gort_current_m",
    ".type gort_current_m, @object",
    ".size gort_current_m, 8",
    ".balign 8",
    "gort_current_m:",
    ".zero 8",
    ".popsection",
);

#[cfg(loom)]
#[path = "loom.rs"]
mod imp;

#[cfg(all(target_arch = "x86_64", not(loom)))]
#[path = "x86_64.rs"]
mod imp;

#[cfg(all(target_arch = "aarch64", not(loom)))]
#[path = "aarch64.rs"]
mod imp;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!(
    "gort switches stacks on x86_64 and aarch64; no port to this architecture exists yet"
);

#[cfg(not(gort_asan))]
pub(crate) use imp::mcall;
pub use imp::prefetch_to_write;
#[cfg(all(not(loom), feature = "backtrace"))]
pub(crate) use imp::{REGISTERS, RETURN_ADDRESS, SAVED, SAVED_BYTES, STACK_POINTER};
#[cfg(not(loom))]
pub(crate) use imp::{
    call_from, call_under, init_stack, probe_thread_pointer, saved_pc, sets_thread_pointer_cheaply,
    stack_pointer, thread_pointer, valgrind_request,
};
pub(crate) use imp::{current_m, prefetch, set_current_m};

#[cfg(gort_asan)]
pub(crate) mod asan;
#[cfg(gort_asan)]
pub(crate) use asan::mcall;

#[cfg(all(test, not(loom)))]
#[path = "../tests/arch.rs"]
mod tests;
