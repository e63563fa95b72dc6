//! The context switch: one file per architecture, the same names in each.
//!
//! A saved context is the stack pointer and, for a goroutine with thread-locals of its own, the thread
//! pointer ([`Gobuf`]). Everything else that a call must preserve lies on the saved stack. Each file exports
//!
//! - [`mcall`]`(f, from, m)`: pushes the callee-saved registers, stores the stack
//!   pointer in `*from`, loads `m`'s g0 stack from `*m`, calls `f(from, m)` there,
//!   and resumes the context that `f` returns. That tail *is* `gogo`: it loads
//!   the returned context's stack pointer, pops and returns. In Go `mcall`
//!   never comes back and `gogo` is a jump; a routine whose call and return are
//!   paired keeps the CPU's return predictor in step (29 ns a switch instead
//!   of 76 with goroutines eight calls deep; see HACKING.md, "Measured").
//! - [`init_stack`]: lays the first frame of a new goroutine: `goexit`'s address
//!   as the return address that `entry` will use, as if `goexit` had called it.
//!   The entry is reached by a jump, and returning from it lands in `goexit`.
//! - `goexit` itself: the routine that calls the [`ExitFn`] (`goexit1`) and
//!   never returns. Its CFI says that its caller is undefined, so backtraces and
//!   unwinding stop there.
//! - [`call_from`]`(sp, f, arg)`: calls `f(arg)` on the present stack, with unwind tables that
//!   make the context saved at `sp` the caller; [`saved_pc`]`(sp)` is where that one goes on.
//! - `SAVED` and the other constants beside it: which registers the frame of [`mcall`] holds, for who walks a stack.
//! - [`call_under`]`(tp, m, f, arg)`: calls `f(arg)` with another thread pointer; [`thread_pointer`] reads it.
//! - [`valgrind_request`]`(args)`: what valgrind recognises, and a processor does not.
//!
//! Contract of `mcall`'s `f`: [`OnG0Fn`].
//!
//! Not saved: floating-point control state (MXCSR, x87 control word, FPCR), as
//! in Go; and no shadow stack: a process with user shadow stacks enabled
//! cannot switch stacks by `ret`.

use std::ptr;
#[cfg(not(any(loom, target_env = "musl")))]
use std::sync::atomic::AtomicUsize;

/// A saved context: the stack pointer, and whose thread-locals it sees; the rest is on that stack.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Gobuf {
    /// Stack pointer of the saved frame, or null while the context runs.
    pub(crate) sp: *mut u8,
    /// The thread pointer of a goroutine with thread-locals of its own (`stack/identity.rs`), else null: it sees
    /// those of the thread that runs it. Of g0: the thread's own, or null where no goroutine has its own.
    pub(crate) tp: *mut u8,
}

impl Gobuf {
    /// No context.
    pub(crate) const NONE: Self = Self {
        sp: ptr::null_mut(),
        tp: ptr::null_mut(),
    };
}

/// What [`mcall`] runs on g0: gets the saved context and M, returns the context to resume.
///
/// # Safety
/// What it may rely on: it is called by `mcall` alone, on g0, with `from`, where the context of whoever called
/// `mcall` has just been saved, and with `m`; both are the pointers that `mcall` got. (For the runtime `from` is a
/// `G`, which is not null and was running on the thread, or `m` itself; and `m` is the thread's `M`.)
///
/// What it owes: it does not unwind (it is `extern "C"`, so an unwind aborts), and returns a context that was
/// saved by `mcall` or made by `init_stack`, and that nobody else resumes; g0's own only on its own thread.
pub(crate) type OnG0Fn = unsafe extern "C" fn(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf;

/// What [`call_from`] calls; must not unwind.
///
/// # Safety
/// It is called with an `arg` that it was meant for.
pub(crate) type ObserverFn = unsafe extern "C" fn(arg: *mut u8);

/// What `goexit` calls on the goroutine's stack once its entry has returned.
///
/// # Safety
/// It is called by `goexit` alone: there is no frame below it on this stack.
pub(crate) type ExitFn = unsafe extern "C" fn() -> !;

/// First function of a goroutine.
///
/// # Safety
/// It is called once, as the first function on the stack for which [`init_stack`] was told of it, with the `arg`
/// that was meant for it.
pub(crate) type EntryFn = unsafe extern "C" fn(arg: *mut u8);

/// The one thread-local word of the runtime: the M of each thread, or of the one that runs the goroutine whose
/// thread-locals they are. Only assembly touches it ([`current_m`],
/// [`set_current_m`]), because LLVM caches the *address* of a Rust thread-local across calls
/// (llvm-project#98479), and a goroutine resumes on another thread.
///
/// The section's name makes the linker lay one out for each thread: Rust must not use what this names. It is an item of
/// Rust's all the same, so that rustc exports it from a `dylib` that contains gort, for what is inlined elsewhere.
///
/// rustc names to the linker, as plain data, what Rust exports. lld, its linker for glibc, takes that for a thread-local;
/// GNU ld, its linker for musl, refuses it. So there it is no item of Rust's: no `dylib` has to export it either.
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

#[cfg(all(not(loom), feature = "backtrace"))]
pub(crate) use imp::{REGISTERS, RETURN_ADDRESS, SAVED, SAVED_BYTES, STACK_POINTER};
#[cfg(not(loom))]
pub(crate) use imp::{
    call_from, call_under, init_stack, probe_thread_pointer, saved_pc, sets_thread_pointer_cheaply,
    thread_pointer, valgrind_request,
};
pub(crate) use imp::{current_m, mcall, prefetch, set_current_m};

#[cfg(all(test, not(loom)))]
#[path = "../tests/arch.rs"]
mod tests;
