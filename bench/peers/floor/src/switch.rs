//! A symmetric switch without a scheduler.

use std::arch::naked_asm;
use std::hint::black_box;
use std::ptr;
use std::time::Instant;

type Switch = unsafe extern "C" fn(from: *mut *mut u8, to: *mut u8);

macro_rules! switch {
    ($name:ident, $($end:literal),*) => {
        /// Saves this context's stack pointer in `*from` and resumes `to`.
        ///
        /// # Safety
        /// `to` was saved by the same function, or prepared by `measure`, and is not running.
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(from: *mut *mut u8, to: *mut u8) {
            naked_asm!(
                "push rbp",
                "push rbx",
                "push r12",
                "push r13",
                "push r14",
                "push r15",
                "mov [rdi], rsp",
                "mov rsp, rsi",
                "pop r15",
                "pop r14",
                "pop r13",
                "pop r12",
                "pop rbx",
                "pop rbp",
                $($end),*
            )
        }
    };
}

switch!(by_ret, "ret");
switch!(by_jmp, "pop rcx", "jmp rcx");

struct Pair {
    switch: Switch,
    main: *mut u8,
    other: *mut u8,
    turns: u64,
}

static mut PAIR: Pair = Pair {
    switch: by_ret,
    main: ptr::null_mut(),
    other: ptr::null_mut(),
    turns: 0,
};

/// Counts each turn and switches back, for ever.
extern "C" fn other() -> ! {
    let pair = &raw mut PAIR;
    loop {
        // SAFETY: there is one thread, and `main` is suspended in the switch to here.
        unsafe {
            (*pair).turns += 1;
            ((*pair).switch)(&raw mut (*pair).other, (*pair).main);
        }
    }
}

/// Returns the ns per switch between two stacks.
pub(super) fn measure(switch: Switch) -> f64 {
    const TURNS: u64 = 20_000_000;
    let mut stack = vec![0_u128; 4096];
    let pair = &raw mut PAIR;
    // SAFETY: there is one thread. The first frame is six registers and the address of `other`.
    // `other` then finds the stack as after a call: a multiple of 16, less 8.
    unsafe {
        (*pair).switch = switch;
        let top: *mut usize = stack.as_mut_ptr_range().end.cast();
        top.sub(2).write(other as *const () as usize);
        (*pair).other = top.sub(8).cast();
    }
    let round = |turns| {
        let start = Instant::now();
        for _ in 0..turns {
            // SAFETY: `other` is suspended in the switch to here, or has not started, and its stack
            // holds the first frame.
            unsafe { switch(&raw mut (*pair).main, (*pair).other) };
        }
        start.elapsed()
    };
    round(TURNS / 10);
    let elapsed = round(TURNS);
    black_box(&mut stack);
    // SAFETY: there is one thread.
    assert_eq!(unsafe { (*pair).turns }, TURNS + TURNS / 10);
    elapsed.as_nanos() as f64 / (2 * TURNS) as f64
}
