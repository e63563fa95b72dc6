//! x86-64, System V calling convention.
//!
//! The frame that [`mcall`] leaves, from the saved stack pointer up. (The CFA, `sp + 56`, is the
//! caller's stack pointer after the call has returned.)
//!
//! ```text
//!   sp + 0   r15   r14   r13   r12   rbx   rbp      (8 bytes each)
//!   sp + 48  return address                          CFA = sp + 56
//! ```
//!
//! The frame that [`init_stack`] writes:
//!
//! ```text
//!   sp + 0   0     exit  arg   entry 0     0
//!   sp + 48  gostart          popped by the tail of mcall
//!   sp + 56  goexit + 1       entry's return address
//! ```
//!
//! `gostart` moves r13 (the argument) into rdi and jumps to r12 (the entry function). At that jump
//! the stack looks exactly as if `goexit` had called entry: `sp + 64` is a multiple of 16. `goexit`
//! begins with a `nop` because an unwinder looks up the return address minus 1.

use super::{EntryFn, ExitFn, Gobuf, ObserverFn, OnG0Fn};
use std::arch::{asm, naked_asm};
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The first frame of a goroutine, as the tail of [`mcall`] pops it.
#[repr(C)]
struct InitFrame {
    r15: usize,
    /// The function that `goexit` calls. Entry preserves this register, as any function does.
    r14: ExitFn,
    /// Argument of the entry function.
    r13: *mut u8,
    /// The entry function.
    r12: EntryFn,
    rbx: usize,
    /// Zero, so that frame-pointer walkers stop here.
    rbp: usize,
    /// `gostart`.
    rip: unsafe extern "C" fn(),
    /// `goexit + 1`, the address to which entry returns.
    return_address: usize,
}

const _: () = {
    assert!(offset_of!(InitFrame, rip) == 48);
    assert!(offset_of!(Gobuf, sp) == 0 && offset_of!(Gobuf, tp) == 8);
    assert!(size_of::<InitFrame>() == 64);
};

/// The number of registers in unwind tables. The next two constants are the numbers of the stack
/// pointer and of the return address.
#[cfg(feature = "backtrace")]
pub(crate) const REGISTERS: usize = 17;
#[cfg(feature = "backtrace")]
pub(crate) const STACK_POINTER: usize = 7;
#[cfg(feature = "backtrace")]
pub(crate) const RETURN_ADDRESS: usize = 16;

/// The size in bytes of the frame that [`mcall`] leaves. `SAVED` has the offset of each register.
#[cfg(feature = "backtrace")]
pub(crate) const SAVED_BYTES: usize = 56;
#[cfg(feature = "backtrace")]
pub(crate) const SAVED: [(usize, usize); 7] = [
    (15, offset_of!(InitFrame, r15)),
    (14, offset_of!(InitFrame, r14)),
    (13, offset_of!(InitFrame, r13)),
    (12, offset_of!(InitFrame, r12)),
    (3, offset_of!(InitFrame, rbx)),
    (6, offset_of!(InitFrame, rbp)),
    (RETURN_ADDRESS, offset_of!(InitFrame, rip)),
];

/// Saves the running context in `*from`, runs `f(from, m)` on the stack saved in `*m`, and resumes
/// the context that `f` returns.
///
/// # Safety
/// - `from` is the place to which the running context is saved: the goroutine's G, or `m` for the
///   thread itself.
/// - `*m` holds the saved g0 stack pointer of this thread's M. (Or `from == m`: the thread itself
///   enters its scheduler, and `f` runs just below the caller.) A goroutine is only ever resumed by
///   the tail of an `mcall` whose `f` ran on its thread's g0, so the word holds that pointer while
///   a goroutine runs.
/// - `f` keeps the contract of [`OnG0Fn`], and may rely on its first part.
/// - The caller holds nothing that belongs to this thread (thread-local addresses, the M), because
///   it may resume on another thread. This does not apply if `f` prevents that.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn mcall(f: OnG0Fn, from: *mut Gobuf, m: *mut Gobuf) {
    // On entry: rdi = f, rsi = from, rdx = m; [rsp] = return address.
    naked_asm!(
        ".cfi_startproc",
        "endbr64",
        "push rbp",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbp, 0",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbx, 0",
        "push r12",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r12, 0",
        "push r13",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r13, 0",
        "push r14",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r14, 0",
        "push r15",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r15, 0",
        ".cfi_remember_state",
        // The context is complete: store it and switch to g0.
        "mov [rsi], rsp",
        "mov rsp, [rdx]",
        // Until the next switch, a stack walker must stop here: g0's frames have no caller.
        ".cfi_undefined rip",
        "and rsp, -16",
        // Restore the thread's own thread pointer before anything can see the goroutine parked.
        "cmp qword ptr [rsi + 8], 0",
        "je 2f",
        "mov rcx, [rdx + 8]",
        "cmp byte ptr [rip + {by_call}], 0",
        "jne 1f",
        "wrfsbase rcx",
        "jmp 2f",
        "1:",
        "call {set_by_call}",
        "2:",
        "mov rbx, rdx",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "xor ebp, ebp",
        "call rax",
        // gogo: rax = the context to resume, rbx = m. If the context has a thread pointer of its
        // own: store m where `current_m` will look for it, then set that pointer.
        "mov rcx, [rax + 8]",
        "test rcx, rcx",
        "je 4f",
        "mov rdx, qword ptr [rip + gort_current_m@GOTTPOFF]",
        "mov [rcx + rdx], rbx",
        "cmp byte ptr [rip + {by_call}], 0",
        "jne 3f",
        "wrfsbase rcx",
        "jmp 4f",
        "3:",
        "call {set_by_call}",
        "4:",
        "mov rsp, [rax]",
        ".cfi_restore_state",
        "pop r15",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r15",
        "pop r14",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r14",
        "pop r13",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r13",
        "pop r12",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r12",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbx",
        "pop rbp",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbp",
        "ret",
        ".cfi_endproc",
        by_call = sym BY_CALL,
        set_by_call = sym set_by_call,
    )
}

/// Whether the thread pointer is set by a system call, because the CPU or the kernel lacks
/// WRFSBASE.
static BY_CALL: AtomicBool = AtomicBool::new(false);

/// Determines how the thread pointer can be set.
pub(crate) fn probe_thread_pointer() {
    const AT_HWCAP2: libc::c_ulong = 26;
    const FSGSBASE: libc::c_ulong = 2;
    // SAFETY: `getauxval` only reads.
    let has = unsafe { libc::getauxval(AT_HWCAP2) } & FSGSBASE != 0;
    BY_CALL.store(!has, Relaxed);
}

/// Returns whether user code can set the thread pointer by one instruction, without a system call.
///
/// Never inlined: if another crate read `BY_CALL`, rustc would export it, and in a `dylib` the
/// assembly here could then no longer address it relative to `rip`.
#[inline(never)]
pub(crate) fn sets_thread_pointer_cheaply() -> bool {
    !BY_CALL.load(Relaxed)
}

/// Sets the thread pointer to rcx by `arch_prctl(ARCH_SET_FS)`. Clobbers only rcx and r11.
///
/// # Safety
/// Only this file's assembly may call it.
#[unsafe(naked)]
unsafe extern "C" fn set_by_call() {
    naked_asm!(
        ".cfi_startproc",
        "push rax",
        ".cfi_adjust_cfa_offset 8",
        "push rdi",
        ".cfi_adjust_cfa_offset 8",
        "push rsi",
        ".cfi_adjust_cfa_offset 8",
        "mov rsi, rcx",
        "mov edi, 0x1002",
        "mov eax, 158",
        "syscall",
        "pop rsi",
        ".cfi_adjust_cfa_offset -8",
        "pop rdi",
        ".cfi_adjust_cfa_offset -8",
        "pop rax",
        ".cfi_adjust_cfa_offset -8",
        "ret",
        ".cfi_endproc",
    )
}

/// Returns the stack pointer.
#[inline(always)]
pub(crate) fn stack_pointer() -> *mut u8 {
    let sp: *mut u8;
    // SAFETY: this copies a register.
    unsafe {
        asm!("mov {sp}, rsp", sp = out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    sp
}

/// Returns the thread pointer.
#[inline(always)]
pub(crate) fn thread_pointer() -> *mut u8 {
    let tp: *mut u8;
    // SAFETY: the first word of a thread control block is its own address.
    unsafe {
        asm!("mov {tp}, qword ptr fs:[0]", tp = out(reg) tp, options(nostack, preserves_flags, readonly));
    }
    tp
}

/// Calls `f(arg)` with the thread pointer `tp`, and then restores the current thread pointer. While
/// `tp` is set, `current_m` returns `m`. No value that the compiler has derived from one thread
/// pointer is used under the other.
///
/// # Safety
/// - Nothing else uses the thread pointer `tp` while `f` runs.
/// - `f` may be called with `arg` ([`ObserverFn`]).
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn call_under(tp: *mut u8, m: *mut u8, f: ObserverFn, arg: *mut u8) {
    // On entry: rdi = tp, rsi = m, rdx = f, rcx = arg; [rsp] = return address.
    naked_asm!(
        ".cfi_startproc",
        "endbr64",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbx, 0",
        "mov rbx, fs:[0]",
        "mov rax, qword ptr [rip + gort_current_m@GOTTPOFF]",
        "mov [rdi + rax], rsi",
        "mov rax, rdi",
        "mov rdi, rcx",
        "mov rcx, rax",
        "cmp byte ptr [rip + {by_call}], 0",
        "jne 1f",
        "wrfsbase rcx",
        "call rdx",
        "wrfsbase rbx",
        "jmp 2f",
        "1:",
        "call {set_by_call}",
        "call rdx",
        "mov rcx, rbx",
        "call {set_by_call}",
        "2:",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbx",
        "ret",
        ".cfi_endproc",
        by_call = sym BY_CALL,
        set_by_call = sym set_by_call,
    )
}

/// Calls `f(arg)`. A backtrace taken in `f` continues into the context that [`mcall`] saved at
/// `sp`.
///
/// # Safety
/// `f` may be called with `arg` ([`ObserverFn`]). If `f` walks the stack, the context at `sp` is a
/// saved one and is not resumed before `f` returns.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn call_from(sp: *mut u8, f: ObserverFn, arg: *mut u8) {
    // On entry: rdi = sp, rsi = f, rdx = arg; [rsp] = return address.
    naked_asm!(
        ".cfi_startproc",
        "endbr64",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbx, 0",
        "mov rbx, rdi",
        "mov rdi, rdx",
        // At the call instruction, and only there, the caller is the saved frame.
        ".cfi_remember_state",
        ".cfi_def_cfa rbx, 56",
        ".cfi_offset r15, -56",
        ".cfi_offset r14, -48",
        ".cfi_offset r13, -40",
        ".cfi_offset r12, -32",
        ".cfi_offset rbx, -24",
        ".cfi_offset rbp, -16",
        "call rsi",
        "nop",
        ".cfi_restore_state",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbx",
        "ret",
        ".cfi_endproc",
    )
}

/// Returns the address at which the context that [`mcall`] saved at `sp` resumes.
///
/// # Safety
/// A saved context is at `sp`.
pub(crate) unsafe fn saved_pc(sp: *mut u8) -> *mut u8 {
    // SAFETY: the caller says that a saved context is at `sp`; its frame has a return address at
    // this offset.
    unsafe { sp.add(offset_of!(InitFrame, rip)).cast::<*mut u8>().read() }
}

/// Jumps from the tail of [`mcall`] into a goroutine's entry function.
///
/// # Safety
/// Only that tail may enter it, from a frame that [`init_stack`] wrote.
#[unsafe(naked)]
unsafe extern "C" fn gostart() {
    // On entry (by ret): r12 = entry, r13 = argument, [rsp] = goexit + 1.
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "mov rdi, r13",
        "jmp r12",
        ".cfi_endproc",
    )
}

/// The address to which a goroutine's entry function returns.
///
/// # Safety
/// Only that function's return may enter it, from a frame that [`init_stack`] wrote.
#[unsafe(naked)]
unsafe extern "C" fn goexit() {
    // Entry's `ret` arrives at the instruction after the nop. rsp is a multiple of 16; r14 holds
    // what `init_stack` stored there.
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "nop",
        "xor ebp, ebp",
        "call r14",
        "ud2",
        ".cfi_endproc",
    )
}

/// Writes the first frame of a goroutine below `top` and returns the context's stack pointer.
///
/// # Safety
/// - `top` is a multiple of 16 and at least 128 writable bytes lie below it.
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
        r15: 0,
        r14: exit,
        r13: arg,
        r12: entry,
        rbx: 0,
        rbp: 0,
        rip: gostart,
        return_address: goexit as usize + 1,
    };
    // SAFETY: the caller says that `top` is aligned and has 128 writable bytes below it: the 64
    // bytes of the frame are writable, and `top` minus 64 is a multiple of 16, as the head of this
    // file asks of `sp + 64`.
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
            "mov {m}, qword ptr [rip + gort_current_m@GOTTPOFF]",
            "mov {m}, qword ptr fs:[{m}]",
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
        asm!("prefetcht0 byte ptr [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
    }
}

/// Prefetches the cache line at `at` for writing: takes it away from other cores. Any address will
/// do.
#[inline(always)]
pub fn prefetch_to_write(at: *const u8) {
    // SAFETY: a prefetch is a hint that neither faults nor changes anything. Processors that do not
    // know this one do nothing.
    unsafe {
        asm!("prefetchw byte ptr [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
    }
}

/// Sets this thread's M.
#[inline]
pub(crate) fn set_current_m(m: *mut u8) {
    // SAFETY: this writes the word that `current_m` reads. Only this thread can access it.
    unsafe {
        asm!(
            "mov {t}, qword ptr [rip + gort_current_m@GOTTPOFF]",
            "mov qword ptr fs:[{t}], {m}",
            t = out(reg) _,
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
    // SAFETY: the four rotations of rdi add up to 128 bits, so it keeps its value. rbx keeps its
    // value, and so does rdx, except under valgrind, which reads `args`.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") args,
            inout("rdx") 0_usize => answer,
            options(nostack),
        );
    }
    answer
}
