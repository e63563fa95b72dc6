//! aarch64, AAPCS64.
//!
//! The frame that [`mcall`] leaves, 160 bytes from the saved stack pointer up (CFA = sp + 160):
//!
//! ```text
//!   sp + 0    x29 x30      sp + 64   x25 x26      sp + 128  d12 d13
//!   sp + 16   x19 x20      sp + 80   x27 x28      sp + 144  d14 d15
//!   sp + 32   x21 x22      sp + 96   d8  d9
//!   sp + 48   x23 x24      sp + 112  d10 d11
//! ```
//!
//! [`init_stack`] writes the same frame with x29 = 0, x30 = `gostart`, x19 = entry, x20 = argument,
//! x21 = `goexit + 4`, x22 = the function that `goexit` calls. `gostart` moves x21 into the link
//! register and jumps to entry, so entry returns into `goexit`, after its `nop` (an unwinder looks
//! up the return address minus 1).

use super::{EntryFn, ExitFn, Gobuf, ObserverFn, OnG0Fn};
use std::arch::{asm, naked_asm};
use std::mem::offset_of;
use std::ptr;

/// The first frame of a goroutine, as the tail of [`mcall`] loads it.
#[repr(C)]
struct InitFrame {
    /// Zero, so that frame-pointer walkers stop here.
    x29: usize,
    /// `gostart`.
    x30: unsafe extern "C" fn(),
    /// The entry function.
    x19: EntryFn,
    /// Argument of the entry function.
    x20: *mut u8,
    /// `goexit + 4`, the address to which entry returns.
    x21: usize,
    /// The function that `goexit` calls. Entry preserves this register, as any function does.
    x22: ExitFn,
    x23_to_x28: [usize; 6],
    d8_to_d15: [u64; 8],
}

const _: () = {
    assert!(offset_of!(InitFrame, x19) == 16);
    assert!(offset_of!(InitFrame, d8_to_d15) == 96);
    assert!(offset_of!(Gobuf, sp) == 0 && offset_of!(Gobuf, tp) == 8);
    assert!(size_of::<InitFrame>() == 160);
};

/// The number of registers in unwind tables. The next two constants are the numbers of the stack
/// pointer and of the return address.
#[cfg(feature = "backtrace")]
pub(crate) const REGISTERS: usize = 32;
#[cfg(feature = "backtrace")]
pub(crate) const STACK_POINTER: usize = 31;
#[cfg(feature = "backtrace")]
pub(crate) const RETURN_ADDRESS: usize = 30;

/// The size in bytes of the frame that [`mcall`] leaves. `SAVED` has the offset of each register.
#[cfg(feature = "backtrace")]
pub(crate) const SAVED_BYTES: usize = size_of::<InitFrame>();
#[cfg(feature = "backtrace")]
pub(crate) const SAVED: [(usize, usize); 12] = [
    (29, offset_of!(InitFrame, x29)),
    (RETURN_ADDRESS, offset_of!(InitFrame, x30)),
    (19, offset_of!(InitFrame, x19)),
    (20, offset_of!(InitFrame, x20)),
    (21, offset_of!(InitFrame, x21)),
    (22, offset_of!(InitFrame, x22)),
    (23, offset_of!(InitFrame, x23_to_x28)),
    (24, offset_of!(InitFrame, x23_to_x28) + 8),
    (25, offset_of!(InitFrame, x23_to_x28) + 16),
    (26, offset_of!(InitFrame, x23_to_x28) + 24),
    (27, offset_of!(InitFrame, x23_to_x28) + 32),
    (28, offset_of!(InitFrame, x23_to_x28) + 40),
];

/// Saves the running context in `*from`, runs `f(from, m)` on the stack saved in `*m`, and resumes
/// the context that `f` returns.
///
/// # Safety
/// The same contract as on x86-64: see `arch/x86_64.rs`.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn mcall(f: OnG0Fn, from: *mut Gobuf, m: *mut Gobuf) {
    // On entry: x0 = f, x1 = from, x2 = m; x30 = return address.
    naked_asm!(
        ".cfi_startproc",
        "hint #34",
        "stp x29, x30, [sp, #-160]!",
        ".cfi_def_cfa_offset 160",
        ".cfi_offset x29, -160",
        ".cfi_offset x30, -152",
        "stp x19, x20, [sp, #16]",
        ".cfi_offset x19, -144",
        ".cfi_offset x20, -136",
        "stp x21, x22, [sp, #32]",
        ".cfi_offset x21, -128",
        ".cfi_offset x22, -120",
        "stp x23, x24, [sp, #48]",
        ".cfi_offset x23, -112",
        ".cfi_offset x24, -104",
        "stp x25, x26, [sp, #64]",
        ".cfi_offset x25, -96",
        ".cfi_offset x26, -88",
        "stp x27, x28, [sp, #80]",
        ".cfi_offset x27, -80",
        ".cfi_offset x28, -72",
        "stp d8, d9, [sp, #96]",
        ".cfi_offset d8, -64",
        ".cfi_offset d9, -56",
        "stp d10, d11, [sp, #112]",
        ".cfi_offset d10, -48",
        ".cfi_offset d11, -40",
        "stp d12, d13, [sp, #128]",
        ".cfi_offset d12, -32",
        ".cfi_offset d13, -24",
        "stp d14, d15, [sp, #144]",
        ".cfi_offset d14, -16",
        ".cfi_offset d15, -8",
        ".cfi_remember_state",
        // The context is complete: store it and switch to g0.
        "mov x9, sp",
        "str x9, [x1]",
        "ldr x9, [x2]",
        "mov sp, x9",
        ".cfi_undefined x30",
        // Restore the thread's own thread pointer before anything can see the goroutine parked.
        "ldr x9, [x1, #8]",
        "cbz x9, 2f",
        "ldr x9, [x2, #8]",
        "msr tpidr_el0, x9",
        "2:",
        "mov x19, x2",
        "mov x9, x0",
        "mov x0, x1",
        "mov x1, x2",
        "mov x29, xzr",
        "mov x30, xzr",
        "blr x9",
        // gogo: x0 = the context to resume, x19 = m. If the context has a thread pointer of its
        // own: store m where `current_m` will look for it, then set that pointer.
        "ldp x9, x10, [x0]",
        "cbz x10, 3f",
        "adrp x11, :gottprel:gort_current_m",
        "ldr x11, [x11, :gottprel_lo12:gort_current_m]",
        "str x19, [x10, x11]",
        "msr tpidr_el0, x10",
        "3:",
        "mov sp, x9",
        ".cfi_restore_state",
        "ldp d14, d15, [sp, #144]",
        "ldp d12, d13, [sp, #128]",
        "ldp d10, d11, [sp, #112]",
        "ldp d8, d9, [sp, #96]",
        "ldp x27, x28, [sp, #80]",
        "ldp x25, x26, [sp, #64]",
        "ldp x23, x24, [sp, #48]",
        "ldp x21, x22, [sp, #32]",
        "ldp x19, x20, [sp, #16]",
        "ldp x29, x30, [sp], #160",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore d15",
        ".cfi_restore d14",
        ".cfi_restore d13",
        ".cfi_restore d12",
        ".cfi_restore d11",
        ".cfi_restore d10",
        ".cfi_restore d9",
        ".cfi_restore d8",
        ".cfi_restore x28",
        ".cfi_restore x27",
        ".cfi_restore x26",
        ".cfi_restore x25",
        ".cfi_restore x24",
        ".cfi_restore x23",
        ".cfi_restore x22",
        ".cfi_restore x21",
        ".cfi_restore x20",
        ".cfi_restore x19",
        ".cfi_restore x30",
        ".cfi_restore x29",
        "ret",
        ".cfi_endproc",
    )
}

/// Determines how the thread pointer can be set. On this architecture there is only one way.
pub(crate) fn probe_thread_pointer() {}

/// Returns whether user code can set the thread pointer by one instruction, without a system call.
#[inline]
pub(crate) fn sets_thread_pointer_cheaply() -> bool {
    true
}

/// Returns the stack pointer.
#[inline(always)]
pub(crate) fn stack_pointer() -> *mut u8 {
    let sp: *mut u8;
    // SAFETY: this copies a register.
    unsafe {
        asm!("mov {sp}, sp", sp = out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    sp
}

/// Returns the thread pointer.
#[inline(always)]
pub(crate) fn thread_pointer() -> *mut u8 {
    let tp: *mut u8;
    // SAFETY: the instruction only reads a register.
    unsafe {
        asm!("mrs {tp}, tpidr_el0", tp = out(reg) tp, options(nostack, preserves_flags, readonly));
    }
    tp
}

/// Calls `f(arg)` with the thread pointer `tp`, and then restores the current thread pointer. While
/// `tp` is set, `current_m` returns `m`.
///
/// # Safety
/// The same contract as on x86-64: see `arch/x86_64.rs`.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn call_under(tp: *mut u8, m: *mut u8, f: ObserverFn, arg: *mut u8) {
    // On entry: x0 = tp, x1 = m, x2 = f, x3 = arg; x30 = return address.
    naked_asm!(
        ".cfi_startproc",
        "hint #34",
        "stp x29, x30, [sp, #-32]!",
        ".cfi_def_cfa_offset 32",
        ".cfi_offset x29, -32",
        ".cfi_offset x30, -24",
        "str x19, [sp, #16]",
        ".cfi_offset x19, -16",
        "mrs x19, tpidr_el0",
        "adrp x9, :gottprel:gort_current_m",
        "ldr x9, [x9, :gottprel_lo12:gort_current_m]",
        "str x1, [x0, x9]",
        "msr tpidr_el0, x0",
        "mov x0, x3",
        "blr x2",
        "msr tpidr_el0, x19",
        "ldr x19, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore x19",
        ".cfi_restore x30",
        ".cfi_restore x29",
        "ret",
        ".cfi_endproc",
    )
}

/// Calls `f(arg)`. A backtrace taken in `f` continues into the context that [`mcall`] saved at
/// `sp`.
///
/// # Safety
/// The same contract as on x86-64: see `arch/x86_64.rs`.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn call_from(sp: *mut u8, f: ObserverFn, arg: *mut u8) {
    // On entry: x0 = sp, x1 = f, x2 = arg; x30 = return address.
    naked_asm!(
        ".cfi_startproc",
        "hint #34",
        "stp x29, x30, [sp, #-32]!",
        ".cfi_def_cfa_offset 32",
        ".cfi_offset x29, -32",
        ".cfi_offset x30, -24",
        "str x19, [sp, #16]",
        ".cfi_offset x19, -16",
        "mov x19, x0",
        "mov x0, x2",
        // At the call instruction, and only there, the caller is the saved frame.
        ".cfi_remember_state",
        ".cfi_def_cfa x19, 160",
        ".cfi_offset x29, -160",
        ".cfi_offset x30, -152",
        ".cfi_offset x19, -144",
        ".cfi_offset x20, -136",
        ".cfi_offset x21, -128",
        ".cfi_offset x22, -120",
        ".cfi_offset x23, -112",
        ".cfi_offset x24, -104",
        ".cfi_offset x25, -96",
        ".cfi_offset x26, -88",
        ".cfi_offset x27, -80",
        ".cfi_offset x28, -72",
        ".cfi_offset d8, -64",
        ".cfi_offset d9, -56",
        ".cfi_offset d10, -48",
        ".cfi_offset d11, -40",
        ".cfi_offset d12, -32",
        ".cfi_offset d13, -24",
        ".cfi_offset d14, -16",
        ".cfi_offset d15, -8",
        "blr x1",
        "nop",
        ".cfi_restore_state",
        "ldr x19, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore x19",
        ".cfi_restore x30",
        ".cfi_restore x29",
        "ret",
        ".cfi_endproc",
    )
}

/// Returns the address at which the context that [`mcall`] saved at `sp` resumes.
///
/// # Safety
/// A saved context is at `sp`.
pub(crate) unsafe fn saved_pc(sp: *mut u8) -> *mut u8 {
    // SAFETY: the caller says that a saved context is at `sp`; its frame has the link register at
    // this offset.
    unsafe { sp.add(offset_of!(InitFrame, x30)).cast::<*mut u8>().read() }
}

/// Jumps from the tail of [`mcall`] into a goroutine's entry function.
///
/// # Safety
/// Only that tail may enter it, from a frame that [`init_stack`] wrote.
#[unsafe(naked)]
unsafe extern "C" fn gostart() {
    // On entry (by ret): x19 = entry, x20 = argument, x21 = goexit + 4. The jump
    // goes through x16, which a `bti c` landing pad admits.
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined x30",
        "mov x0, x20",
        "mov x30, x21",
        "mov x16, x19",
        "br x16",
        ".cfi_endproc",
    )
}

/// The address to which a goroutine's entry function returns.
///
/// # Safety
/// Only that function's return may enter it, from a frame that [`init_stack`] wrote.
#[unsafe(naked)]
unsafe extern "C" fn goexit() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined x30",
        "nop",
        "mov x29, xzr",
        "blr x22",
        "brk #1",
        ".cfi_endproc",
    )
}

/// Writes the first frame of a goroutine below `top` and returns the context's stack pointer.
///
/// # Safety
/// - `top` is a multiple of 16 and at least 160 writable bytes lie below it.
/// - The context is resumed at most once. That resume calls `entry` with `arg` ([`EntryFn`]), and
///   then `exit` when `entry` returns; both calls must be allowed.
pub(crate) unsafe fn init_stack(
    top: *mut u8,
    entry: EntryFn,
    arg: *mut u8,
    exit: ExitFn,
) -> *mut u8 {
    let goexit: unsafe extern "C" fn() = goexit;
    let frame = InitFrame {
        x29: 0,
        x30: gostart,
        x19: entry,
        x20: arg,
        x21: goexit as usize + 4,
        x22: exit,
        x23_to_x28: [0; 6],
        d8_to_d15: [0; 8],
    };
    // SAFETY: the caller says that `top` is aligned and has 160 writable bytes below it. Both `top`
    // and 160 are multiples of 16, so sp is aligned as the architecture demands.
    unsafe {
        let sp = top.sub(size_of::<InitFrame>());
        sp.cast::<InitFrame>().write(frame);
        sp
    }
}

/// Returns this thread's M, or null on a thread that is not the runtime's.
#[inline(always)]
pub(crate) fn current_m() -> *mut u8 {
    if cfg!(miri) {
        // Miri runs no assembly, so no thread has an M.
        return ptr::null_mut();
    }
    let m: *mut u8;
    // SAFETY: this reads one initialised word of this thread's static TLS block. The option `pure`
    // is missing on purpose: every call must load again, after everything that precedes it.
    unsafe {
        asm!(
            "mrs {t}, tpidr_el0",
            "adrp {m}, :gottprel:gort_current_m",
            "ldr {m}, [{m}, :gottprel_lo12:gort_current_m]",
            "ldr {m}, [{t}, {m}]",
            t = out(reg) _,
            m = out(reg) m,
            options(nostack, preserves_flags, readonly),
        );
    }
    m
}

/// Prefetches the cache line at `at`. Any address will do.
#[inline(always)]
pub(crate) fn prefetch(at: *const u8) {
    // SAFETY: a prefetch is a hint that neither faults nor changes anything.
    unsafe {
        asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
    }
}

/// Prefetches the cache line at `at` for writing: takes it away from other cores. Any address will
/// do.
#[inline(always)]
pub fn prefetch_to_write(at: *const u8) {
    // SAFETY: a prefetch is a hint that neither faults nor changes anything.
    unsafe {
        asm!("prfm pstl1keep, [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
    }
}

/// Sets this thread's M.
#[inline]
pub(crate) fn set_current_m(m: *mut u8) {
    // SAFETY: this writes the word that `current_m` reads. Only this thread can access it.
    unsafe {
        asm!(
            "mrs {t}, tpidr_el0",
            "adrp {o}, :gottprel:gort_current_m",
            "ldr {o}, [{o}, :gottprel_lo12:gort_current_m]",
            "str {m}, [{t}, {o}]",
            t = out(reg) _,
            o = out(reg) _,
            m = in(reg) m,
            options(nostack, preserves_flags),
        );
    }
}

/// Makes a request of valgrind (`stack/valgrind.rs`) and returns the answer, which is 0 outside
/// valgrind. The first of `args` is the number of the request.
pub(crate) fn valgrind_request(args: &[usize; 6]) -> usize {
    if cfg!(miri) {
        return 0;
    }
    let answer;
    // SAFETY: the four rotations of x12 add up to 128 bits, so it keeps its value. x10 keeps its
    // value, and so does x3, except under valgrind, which reads `args`.
    unsafe {
        asm!(
            "ror x12, x12, #3",
            "ror x12, x12, #13",
            "ror x12, x12, #51",
            "ror x12, x12, #61",
            "orr x10, x10, x10",
            inout("x3") 0_usize => answer,
            in("x4") args,
            options(nostack, preserves_flags),
        );
    }
    answer
}
