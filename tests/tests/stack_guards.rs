//! ST, FT: where stacks end. An overflow anywhere in a guard is reported, whatever the size of the
//! stack.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::Builder;
use gort_tests::{claims, role, run_child};
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::ptr;

const KIB: usize = 1024;

/// The size of a guard that README.md promises.
const PROMISED: usize = 80 * KIB;

fn page() -> usize {
    // SAFETY: sysconf has no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
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

/// Returns where the goroutine is in its stack now, and where its guard ends.
#[inline(never)]
fn here_and_floor() -> (usize, usize) {
    let mark = 0_u8;
    let here = black_box(ptr::from_ref(&mark)).addr();
    let mut floor = here & !(page() - 1);
    while is_readable(floor - 1) {
        floor -= page();
    }
    (here, floor)
}

/// Writes one byte, which lies `below` bytes under the end of this goroutine's stack.
fn writes_below_the_floor(below: usize) {
    let (_, floor) = here_and_floor();
    // SAFETY: none. The test is about this fault.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(floor - below).write_volatile(1) };
}

/// Overflows in the child as `STACK:BELOW` says.
fn overflows(role: &str) {
    let (stack, below) = role.split_once(':').unwrap();
    let below = below.parse().unwrap();
    if stack == "main" {
        return gort::runtime::run(move || writes_below_the_floor(below));
    }
    let stack = stack.parse().unwrap();
    gort::runtime::run(move || {
        let deep = Builder::new().name("deep").stack_size(stack);
        let deep = deep.spawn(move || writes_below_the_floor(below)).unwrap();
        deep.join().unwrap();
    });
}

// ST04, FT13
#[test]
fn an_overflow_anywhere_in_the_guard_names_its_goroutine() {
    const NAME: &str = concat!(
        module_path!(),
        "::an_overflow_anywhere_in_the_guard_names_its_goroutine"
    );
    if let Some(role) = role() {
        return overflows(&role);
    }
    let before = std::env::var("GORT_DEBUG").unwrap_or_default();
    for kind in ["seed=1", "guard=mprotect"] {
        for (stack, name, kib) in [
            ("1", "deep", 32),
            ("40000", "deep", 64),
            ("262144", "deep", 256),
            ("main", "main", 8192),
        ] {
            for below in [1, 4 * KIB + 1, PROMISED / 2, PROMISED] {
                let role = format!("{stack}:{below}");
                let options = format!("{before},{kind}");
                let ended = run_child(NAME, &role, &[("GORT_DEBUG", options.as_str())]);
                assert!(
                    ended.status.signal() == Some(libc::SIGABRT)
                        && ended.stderr.contains("stack overflow in goroutine")
                        && ended.stderr.contains(&format!("{name:?}, spawned at"))
                        && ended.stderr.contains(&format!("stack of {kib} KiB")),
                    "{options}, {role}: {ended:?}"
                );
            }
        }
    }
}

claims! {
    // ST02, FT13: a stack has the size that was asked for, rounded up to a power of two, and at
    // most 8 KiB and a page more.
    fn stacks_are_as_large_as_they_were_asked_for_and_guards_as_promised() {
        for asked in [0, 32 * KIB, 40_000, 64 * KIB, 65 * KIB, 1024 * KIB, 4096 * KIB] {
            let rounded = asked.max(32 * KIB).next_power_of_two();
            for _ in 0..3 {
                let looks = Builder::new().stack_size(asked).spawn(move || {
                    let (here, floor) = here_and_floor();
                    let room = here - floor;
                    assert!(room >= rounded, "{asked}: {room}");
                    assert!(room <= rounded + 8 * KIB + page(), "{asked}: {room}");
                    for below in (1..PROMISED).step_by(page()).chain([PROMISED]) {
                        assert!(!is_readable(floor - below), "{asked}: {below} below");
                    }
                });
                looks.unwrap().join().unwrap();
            }
        }
    }
}
