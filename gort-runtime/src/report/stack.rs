//! The stack of a parked goroutine, read from another thread, with `GORT_DEBUG=backtrace=1`.
//!
//! The observer claims the goroutine (`gstatus.rs`), so that it cannot run during the observation.
//! The unwinder then starts from a frame on the observer's own stack whose unwind table says that
//! its caller is the goroutine's saved context (`arch::call_from`). While the observer holds the
//! claim, it only collects addresses: it takes no lock that a waker could hold, allocates nothing
//! and cannot panic. Names and lines are looked up afterwards.
//!
//! Without the feature `backtrace` there are no names. Then each line says `program+0x1234`, which
//! can be passed to `addr2line`.

use crate::api::goroutine::GoroutineId;
use crate::arch;
use crate::proc::g::G;
use crate::proc::gstatus;
use crate::report::callers::each_caller;
use crate::report::functions::{functions_at, users_part};
use std::env;
use std::ptr::{self, NonNull};

/// Maximum number of frames shown.
const MAX_FRAMES: usize = 100;

/// Returns the stack of goroutine `id`, innermost function first, as lines to be printed below it.
/// The result is empty unless the goroutine is parked and may be observed. `gp` was its G when the
/// list of goroutines was made.
pub(crate) fn stack_of(gp: NonNull<G>, id: GoroutineId) -> String {
    let stack = collect_claimed(gp, id);
    describe(&stack.pcs[..stack.len], stack.len == MAX_FRAMES)
}

/// Like [`stack_of`], but returns the return addresses.
pub(crate) fn pcs_of(gp: NonNull<G>, id: GoroutineId) -> Vec<*mut u8> {
    let stack = collect_claimed(gp, id);
    stack.pcs[..stack.len].to_vec()
}

/// Collects the stack of goroutine `id`, while the observer holds the claim on it.
fn collect_claimed(gp: NonNull<G>, id: GoroutineId) -> Stack {
    let mut stack = Stack {
        context: ptr::null_mut(),
        seen_first: false,
        pcs: [ptr::null_mut(); MAX_FRAMES],
        len: 0,
    };
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). Only atomics are read, and `buf` under
    // the claim.
    let g = unsafe { gp.as_ref() };
    gstatus::observe(&g.status, || {
        if GoroutineId::new(g.id()) == id {
            // SAFETY: the requirements of `call_from`: `collect` gets a `Stack`, as it expects, and
            // we do not touch it until `collect` returns. The context is saved and stays so,
            // because we have claimed the goroutine (`gstatus.rs`), whose status Waiting we have
            // acquired.
            unsafe {
                stack.context = g.buf.get().sp;
                arch::call_from(stack.context, collect, ptr::from_mut(&mut stack).cast());
            }
        }
    });
    stack
}

/// A stack that is being collected.
struct Stack {
    /// The saved context at which the stack begins.
    context: *mut u8,
    /// Whether the observer's own frames have been passed.
    seen_first: bool,
    /// Return addresses, innermost first.
    pcs: [*mut u8; MAX_FRAMES],
    len: usize,
}

/// Collects the goroutine's frames into the `Stack` at `arg`. Called as if by the goroutine.
///
/// # Safety
/// `arg` is a `Stack` that nothing else touches during the call, and its context is a saved one.
unsafe extern "C" fn collect(arg: *mut u8) {
    // SAFETY: the caller guarantees that `arg` is a `Stack`, which is ours during the call.
    let stack = unsafe { &mut *arg.cast::<Stack>() };
    // SAFETY: the caller guarantees that the context is a saved one.
    let first = unsafe { arch::saved_pc(stack.context) };
    each_caller(&mut |pc| {
        stack.seen_first |= pc == first;
        if stack.seen_first {
            stack.pcs[stack.len] = pc;
            stack.len += 1;
        }
        stack.len < MAX_FRAMES
    });
}

/// Returns the lines that describe a stack.
fn describe(pcs: &[*mut u8], cut_off: bool) -> String {
    let here = env::current_dir().unwrap_or_default();
    let functions = functions_at(pcs);
    let mut text = String::new();
    for function in users_part(&functions, cut_off) {
        text.push_str(&format!("    {}\n", function.name));
        if let (Some(file), Some(line)) = (&function.file, function.line) {
            let file = file.strip_prefix(&here).unwrap_or(file).display();
            text.push_str(&format!("        {file}:{line}\n"));
        }
    }
    if cut_off {
        text.push_str("    ...\n");
    }
    text
}
