//! [`mcall`] where AddressSanitizer instruments the program (`cfg(gort_asan)`, set by build.rs).
//!
//! The sanitizer must know which stack runs on a thread. It unpoisons that stack before a panic
//! unwinds it, and it keeps the frames of functions that have returned on a *fake stack* of their
//! own, one for each stack. `__sanitizer_start_switch_fiber` announces a switch on the old stack,
//! `__sanitizer_finish_switch_fiber` completes it on the new one
//! (`sanitizer/common_interface_defs.h`).
//!
//! Four places switch:
//! 1. a goroutine leaves for g0: [`mcall`] starts, [`on_g0`] finishes;
//! 2. g0 resumes a goroutine: `on_g0` starts, the goroutine's `mcall` finishes;
//! 3. g0 starts a goroutine: `on_g0` starts, [`begun`] finishes;
//! 4. a goroutine ends: as 1, but the sanitizer frees its fake stack ([`ends`]).
//!
//! A thread that enters its scheduler (`from == m`) stays on its stack, and so does one whose
//! scheduler returns to it.
//!
//! A goroutine with thread-locals of its own is no thread that the sanitizer knows, so the
//! sanitizer ignores every call there. Neither side of a switch to or from such a goroutine is
//! announced.

use super::{Gobuf, OnG0Fn, imp};
use std::ffi::c_void;
use std::ptr;

unsafe extern "C" {
    fn __sanitizer_start_switch_fiber(
        fake_stack: *mut *mut c_void,
        bottom: *const c_void,
        size: usize,
    );
    fn __sanitizer_finish_switch_fiber(
        fake_stack: *mut c_void,
        bottom_left: *mut *const c_void,
        size_left: *mut usize,
    );
    fn __asan_unpoison_memory_region(addr: *const c_void, size: usize);
}

/// What the sanitizer must know of a stack. Each context has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fiber {
    /// Lowest address of the stack. g0's is null until the first goroutine runs on its thread.
    bottom: *const c_void,
    size: usize,
    /// The sanitizer's handle of the fake stack while the context does not run.
    fake_stack: *mut c_void,
    /// Whether the goroutine is about to leave its stack for ever.
    ends: bool,
    /// Used in g0's context only: the function that the running `mcall` calls there.
    f: Option<OnG0Fn>,
}

impl Fiber {
    /// A stack that the sanitizer has not been told of.
    pub(crate) const NONE: Self = Self {
        bottom: ptr::null(),
        size: 0,
        fake_stack: ptr::null_mut(),
        ends: false,
        f: None,
    };

    /// Describes an unused stack, `size` bytes from `bottom`, and unpoisons it: the frames of the
    /// last goroutine there may have left it poisoned.
    ///
    /// # Safety
    /// Nothing uses the stack.
    pub(crate) unsafe fn new(bottom: *mut u8, size: usize) -> Self {
        let bottom = bottom.cast_const().cast();
        // SAFETY: this changes only the sanitizer's shadow of the stack, and the caller guarantees
        // that nothing uses the stack.
        unsafe { __asan_unpoison_memory_region(bottom, size) };
        Self {
            bottom,
            size,
            ..Self::NONE
        }
    }
}

/// Returns whether the sanitizer knows the thread while `context` runs on it.
///
/// # Safety
/// `context` is a goroutine's context or `m`.
unsafe fn is_known(context: *mut Gobuf, m: *mut Gobuf) -> bool {
    // SAFETY: the caller guarantees that the context is there. `tp` changes only while its
    // goroutine has no stack.
    context == m || unsafe { (*context).tp.is_null() }
}

/// Completes the switch from g0 to the goroutine that runs here, and notes where g0's stack lies.
fn finish_on_goroutine(fake_stack: *mut c_void) {
    let m = imp::current_m().cast::<Gobuf>();
    // SAFETY: `m` is this thread's M, and no other thread accesses its `fiber`. `on_g0` has started
    // the switch.
    unsafe {
        __sanitizer_finish_switch_fiber(
            fake_stack,
            &raw mut (*m).fiber.bottom,
            &raw mut (*m).fiber.size,
        );
    }
}

/// Calls the architecture's `mcall` and announces its switches to the sanitizer.
///
/// # Safety
/// The contract is that of the architecture's `mcall`.
pub(crate) unsafe fn mcall(f: OnG0Fn, from: *mut Gobuf, m: *mut Gobuf) {
    // SAFETY: both contexts exist and belong to this thread until the switch, as `mcall` requires.
    // `on_g0` keeps the contract of `OnG0Fn` because `f` does. When `from` is resumed, it belongs
    // to this goroutine again.
    unsafe {
        (*m).fiber.f = Some(f);
        if from == m {
            return imp::mcall(on_g0, from, m);
        }
        let known = is_known(from, m);
        if known {
            let fake_stack = if (*from).fiber.ends {
                ptr::null_mut()
            } else {
                &raw mut (*from).fiber.fake_stack
            };
            let (bottom, size) = ((*m).fiber.bottom, (*m).fiber.size);
            __sanitizer_start_switch_fiber(fake_stack, bottom, size);
        }
        imp::mcall(on_g0, from, m);
        if known {
            finish_on_goroutine((*from).fiber.fake_stack);
        }
    }
}

/// Runs on g0: completes the switch to it, calls `f`, and announces the switch to the context that
/// `f` returned.
///
/// # Safety
/// The contract is that of [`OnG0Fn`]. Only [`mcall`] passes it on.
unsafe extern "C" fn on_g0(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: the caller guarantees that `m` is this thread's M and that only g0 runs there now.
    // Once `f` has returned `next`, only this thread resumes it, so its `fiber` is ours to read.
    // `from` may be another thread's by then and is not accessed.
    unsafe {
        if from != m && is_known(from, m) {
            let fake_stack = (*m).fiber.fake_stack;
            __sanitizer_finish_switch_fiber(fake_stack, ptr::null_mut(), ptr::null_mut());
        }
        let Some(f) = (*m).fiber.f else {
            // `mcall` has just stored it.
            std::process::abort();
        };
        let next = f(from, m);
        if next != m && is_known(next, m) {
            let (bottom, size) = ((*next).fiber.bottom, (*next).fiber.size);
            __sanitizer_start_switch_fiber(&raw mut (*m).fiber.fake_stack, bottom, size);
        }
        next
    }
}

/// Completes the switch to a new goroutine's stack. A goroutine calls it first of all.
///
/// # Safety
/// `context` is the running goroutine's, and the goroutine has not switched yet.
pub(crate) unsafe fn begun(context: *mut Gobuf) {
    // SAFETY: the caller passes a goroutine's context, which never equals null.
    if unsafe { is_known(context, ptr::null_mut()) } {
        finish_on_goroutine(ptr::null_mut());
    }
}

/// Notes that the goroutine's next `mcall` is its last. The sanitizer then frees its fake stack.
///
/// # Safety
/// `context` is the running goroutine's.
pub(crate) unsafe fn ends(context: *mut Gobuf) {
    // SAFETY: the caller guarantees that this is the context of the running goroutine, which alone
    // accesses it.
    unsafe { (*context).fiber.ends = true };
}
