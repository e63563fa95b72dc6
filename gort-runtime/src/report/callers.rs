//! The stack of the caller.

use std::ffi::{c_int, c_void};
use std::ptr;

// The unwinder that std links and uses: libgcc's or LLVM's. Several threads may use it at the same
// time.
unsafe extern "C" {
    fn _Unwind_Backtrace(
        each: unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        arg: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

/// Results of an `_Unwind_Trace_Fn`: `_URC_NO_REASON`, which asks for the next frame, and
/// `_URC_NORMAL_STOP`, which ends the walk.
const CONTINUE: c_int = 0;
const STOP: c_int = 4;

/// Maximum number of frames that `addresses_here` returns.
const MAX_FRAMES: usize = 128;

/// Called with each return address. Returns whether to continue.
type Visitor<'a> = &'a mut dyn FnMut(*mut u8) -> bool;

/// Calls `visit` with the return address of each frame from here on, innermost first, until it
/// returns `false`. `visit` must not panic.
pub(crate) fn each_caller(mut visit: Visitor<'_>) {
    // SAFETY: `each_frame` gets a `Visitor`, as it requires. We do not touch the `Visitor` during
    // the call, and `each_frame` does not unwind.
    unsafe { _Unwind_Backtrace(each_frame, ptr::from_mut(&mut visit).cast()) };
}

/// Returns the return addresses of the caller's frames, innermost first. Needs about 4 KiB of
/// stack.
#[inline(never)]
pub(crate) fn addresses_here() -> Box<[usize]> {
    let mut addresses = [0; MAX_FRAMES];
    let mut len = 0;
    each_caller(&mut |pc| {
        addresses[len] = pc.addr();
        len += 1;
        len < MAX_FRAMES
    });
    addresses[..len].into()
}

/// Calls the `Visitor` at `arg` with a frame's return address. The unwinder calls this for each
/// frame.
///
/// # Safety
/// `frame` is the unwinder's. `arg` is a `Visitor` that nothing else uses during the call.
unsafe extern "C" fn each_frame(frame: *mut c_void, arg: *mut c_void) -> c_int {
    // SAFETY: the caller guarantees that `arg` is a `Visitor`, which is ours during the call.
    let visit = unsafe { &mut *arg.cast::<Visitor<'_>>() };
    // SAFETY: the caller guarantees that `frame` is the unwinder's.
    let pc = ptr::without_provenance_mut::<u8>(unsafe { _Unwind_GetIP(frame) });
    // The last return address of a goroutine is null.
    if pc.is_null() || visit(pc) {
        CONTINUE
    } else {
        STOP
    }
}
