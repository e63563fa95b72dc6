//! Frames larger than a page without stack probes, like those of C functions: guards stop them,
//! `stack = N` is N bytes, and pages that a frame skips do not hide the pages that it uses.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::time::sleep;
use gort::{Builder, blocking};
use gort_tests::{Ended, claims, resident_bytes, role, run_child, settle};
use std::arch::naked_asm;
use std::hint::black_box;
use std::mem;
use std::os::unix::process::ExitStatusExt;
use std::ptr;
use std::time::Instant;

const KIB: usize = 1024;

/// Does what a C function does without `-fstack-clash-protection`: makes a frame of `bytes`, a
/// multiple of 16, and writes only to its lowest word.
///
/// # Safety
/// The lowest word of the frame must be in the goroutine's stack, or the effect of the write must
/// be known.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn unprobed_frame(bytes: usize, value: u64) {
    naked_asm!(
        "mov rax, rsp",
        "sub rsp, rdi",
        "mov [rsp], rsi",
        "mov rsp, rax",
        "ret"
    )
}

/// See above.
///
/// # Safety
/// See above.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn unprobed_frame(bytes: usize, value: u64) {
    naked_asm!(
        "mov x2, sp",
        "sub x3, x2, x0",
        "mov sp, x3",
        "str x1, [sp]",
        "mov sp, x2",
        "ret"
    )
}

fn page() -> usize {
    // SAFETY: sysconf has no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
}

/// Returns the address of a variable in the current frame: roughly the stack pointer.
#[inline(never)]
fn here() -> usize {
    let mark = 0_u8;
    black_box(ptr::from_ref(&mark)).addr()
}

/// Returns whether the byte at `addr` can be read, which the kernel checks.
fn is_readable(addr: usize) -> bool {
    let mut pipe = [0; 2];
    // SAFETY: `pipe` has room for two descriptors, and the kernel checks the address.
    unsafe {
        assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
        let n = libc::write(pipe[1], ptr::without_provenance(addr), 1);
        libc::close(pipe[0]);
        libc::close(pipe[1]);
        n == 1
    }
}

/// Returns the address above which this goroutine may use its stack.
fn floor() -> usize {
    let mut at = here() & !(page() - 1);
    while is_readable(at - 1) {
        at -= page();
    }
    at
}

/// Descends to 4 KiB above `floor` and calls a function with a frame of `bytes` there.
#[inline(never)]
fn calls_near(floor: usize, bytes: usize) {
    let frame = black_box([1_u8; 256]);
    if here() - floor > 4 * KIB {
        calls_near(floor, bytes);
    } else {
        // SAFETY: none. Where this writes is what the test checks.
        unsafe { unprobed_frame(bytes, 0xbad) };
    }
    black_box(frame);
}

const PATTERN: u8 = 0x5a;

/// Starts a goroutine that fills most of its stack with a pattern and waits. Its result is the
/// number of these bytes that have changed.
fn at_rest(wake: Receiver<()>) -> JoinHandle<usize> {
    #[inline(never)]
    fn wait(wake: &Receiver<()>) -> usize {
        let mut pattern = [PATTERN; 96 * KIB];
        black_box(&mut pattern);
        wake.recv().unwrap_err();
        black_box(&pattern)
            .iter()
            .filter(|&&byte| byte != PATTERN)
            .count()
    }
    let neighbour = Builder::new().name("neighbour").stack_size(128 * KIB);
    neighbour.spawn(move || wait(&wake)).unwrap()
}

/// Starts a goroutine whose stack lies above that of a waiting neighbour. Near the end of its stack
/// it calls a function with a frame of `bytes`, which reaches into its guard or beyond.
fn steps_over(bytes: usize) {
    gort::runtime::run(move || {
        let (release, wake) = bounded::<()>(0);
        let neighbour = at_rest(wake);
        settle();
        let deep = Builder::new().name("deep").stack_size(128 * KIB);
        let deep = deep.spawn(move || calls_near(floor(), bytes)).unwrap();
        deep.join().unwrap();
        drop(release);
        println!("{} bytes damaged", neighbour.join().unwrap());
    });
}

/// Returns the present `GORT_DEBUG` together with `option`.
fn debug_with(option: &str) -> String {
    std::env::var("GORT_DEBUG").map_or(option.into(), |all| format!("{all},{option}"))
}

fn is_an_overflow_of_deep(ended: &Ended) -> bool {
    ended.status.signal() == Some(libc::SIGABRT)
        && ended.stderr.contains("stack overflow in goroutine")
        && ended.stderr.contains("\"deep\", spawned at")
}

// FT13, ST05
#[test]
fn a_large_frame_without_probes_is_an_overflow_and_not_the_neighbours_loss() {
    const NAME: &str = concat!(
        module_path!(),
        "::a_large_frame_without_probes_is_an_overflow_and_not_the_neighbours_loss"
    );
    if let Some(bytes) = role() {
        return steps_over(bytes.parse().unwrap());
    }
    for options in [debug_with("seed=1"), debug_with("guard=mprotect")] {
        // The sizes are three pages (of 4 KiB), more than half of the guard, a little more than the
        // largest usual buffer, and the guard less a page.
        for bytes in [12 * KIB, 48 * KIB, 64 * KIB + 256, 76 * KIB] {
            let ended = run_child(NAME, &bytes.to_string(), &[("GORT_DEBUG", &options)]);
            assert!(
                is_an_overflow_of_deep(&ended),
                "{options}, {bytes} bytes: {ended:?}"
            );
        }
    }
}

/// Uses `bytes` of the stack, page after page, and not one byte more.
#[inline(never)]
fn uses(bytes: usize) {
    for depth in (0..bytes).step_by(4 * KIB).skip(1).chain([bytes & !15]) {
        // SAFETY: the stack has as many bytes as were asked for.
        unsafe { unprobed_frame(depth, 1) };
    }
}

claims! {
    fn a_stack_of_n_bytes_holds_n_bytes() {
        // This is the main goroutine's stack, part of which is in use.
        uses(8192 * KIB - 8 * KIB);
        for bytes in [32 * KIB, 40_000, 64 * KIB, 128 * KIB, 1024 * KIB] {
            for _ in 0..20 {
                let user = Builder::new().stack_size(bytes).spawn(move || uses(bytes));
                user.unwrap().join().unwrap();
            }
        }
        spawn(|| uses(256 * KIB)).join().unwrap();
    }

    // GO14
    fn memory_is_given_back_also_where_the_page_next_to_the_top_was_left_out() {
        const MIB: usize = 1024 * KIB;
        const N: usize = 1_500;
        let before = resident_bytes();
        let (release, gate) = bounded::<()>(0);
        let all: Vec<_> = (0..N)
            .map(|_| {
                let gate = gate.clone();
                spawn(move || {
                    for depth in (64 * KIB..224 * KIB).step_by(4 * KIB) {
                        // SAFETY: the stack is larger than the frame.
                        unsafe { unprobed_frame(depth, 1) };
                    }
                    gate.recv().unwrap_err();
                })
            })
            .collect();
        settle();
        let peak = resident_bytes() - before;
        assert!(peak > 200 * MIB, "{} MiB", peak / MIB);
        drop(release);
        all.into_iter().for_each(|one| one.join().unwrap());
        // Each P keeps up to 64 slots, which are some 80 MiB with 8 Ps.
        let until = Instant::now() + Duration::from_secs(15);
        loop {
            let kept = resident_bytes().saturating_sub(before);
            if kept < 120 * MIB {
                break;
            }
            assert!(Instant::now() < until, "{} of {} MiB are kept", kept / MIB, peak / MIB);
            sleep(Duration::from_millis(10));
        }
    }

    // Also the stack on which a gort thread handles signals has a guard below it.
    fn the_stack_for_signal_handlers_has_a_guard() {
        let bottom = spawn(|| blocking(|| {
            // SAFETY: the call only reads, and zeroes are a valid structure.
            unsafe {
                let mut stack: libc::stack_t = mem::zeroed();
                assert_eq!(libc::sigaltstack(ptr::null(), &raw mut stack), 0);
                stack.ss_sp.addr()
            }
        }));
        let bottom = bottom.join().unwrap();
        assert!(is_readable(bottom));
        assert!(!is_readable(bottom - 1));
        assert!(!is_readable(bottom - 64 * KIB));
    }
}
