//! Tests of the context switch alone, and of what depends only on it: entry, exit, unwinding,
//! backtraces, the system stack.
//!
//! The first half switches between two contexts by hand, without a scheduler ([`Switchboard`]). The
//! second half uses `spawn` and `join`.

use super::{EntryFn, Gobuf, call_from, current_m, init_stack, mcall, set_current_m};
use crate::{Builder, Current, RuntimeBuilder, on_system_stack, os, sleep, spawn, yield_now};
use std::any::type_name;
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::hint::black_box;
use std::mem::offset_of;
use std::panic::{self, AssertUnwindSafe, catch_unwind, panic_any};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long a test may take. No test here needs even a second. After this time the process is
/// aborted, with the name of the test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `test`; aborts the process with the test's name if it hangs.
fn watched<F: FnOnce() -> T, T>(test: F) -> T {
    watched_as(type_name::<F>(), test)
}

fn watched_as<T>(name: &'static str, test: impl FnOnce() -> T) -> T {
    let (alive, watchdog) = mpsc::channel::<()>();
    thread::spawn(move || {
        if watchdog.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            for part in ["test hangs: ", name, "\n"] {
                os::write_stderr(part.as_bytes());
            }
            os::abort();
        }
    });
    let result = test();
    drop(alive);
    result
}

/// Runs `test` as a goroutine among several Ms, watched.
fn in_goroutine<F, T>(test: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    watched_as(type_name::<F>(), || {
        RuntimeBuilder::new()
            .max_procs(4)
            .main_stack_size(crate::stack::DEFAULT_STACK)
            .run(test)
    })
}

/// A stack for a context that no scheduler knows.
struct Stack(Box<[u128]>);

impl Stack {
    fn new() -> Self {
        Self(vec![0; 4096].into_boxed_slice())
    }

    /// Returns the address one past its highest byte, a multiple of 16 because `u128` has that
    /// alignment.
    fn top(&mut self) -> *mut u8 {
        self.0.as_mut_ptr_range().end.cast()
    }

    fn contains(&self, sp: usize) -> bool {
        let ends = self.0.as_ptr_range();
        (ends.start.addr()..=ends.end.addr()).contains(&sp)
    }
}

/// Two contexts, the test's (`here`) and one with a stack of its own (`there`), and a g0 with
/// another stack for switching between them.
#[repr(C)]
struct Switchboard<T> {
    header: Header,
    here: Gobuf,
    there: Gobuf,
    g0_stack: Stack,
    there_stack: Stack,
    /// Data of the test.
    data: T,
}

/// The part of a [`Switchboard`] that the assembly in `probe` accesses.
#[repr(C)]
struct Header {
    /// g0's context. `mcall` gets the board in place of the M, which begins with g0's context too.
    g0: Gobuf,
    /// The context that the function on g0 must resume.
    next: *mut Gobuf,
    /// The stack pointer at that function's first instruction.
    sp_on_g0: usize,
    /// The stack pointer at the other context's first instruction.
    sp_at_entry: usize,
    /// Where that context continues.
    entry: EntryFn,
}

const _: () = assert!(offset_of!(Header, g0) == 0);

impl<T> Switchboard<T> {
    /// Runs `test` with a context that is about to run `entry(board)`, and returns the board. The
    /// context is dropped wherever it is then, so it must not own anything.
    fn run(entry: EntryFn, data: T, test: impl FnOnce(*mut Self)) -> Box<Self> {
        let gobuf = |sp| Gobuf { sp, ..Gobuf::NONE };
        let mut g0_stack = Stack::new();
        let mut there_stack = Stack::new();
        let top = there_stack.top();
        let board = Box::into_raw(Box::new(Self {
            header: Header {
                // This has the alignment of a context that `mcall` has saved, and no better one.
                g0: gobuf(g0_stack.top().wrapping_sub(probe::PUSHED_BY_CALL)),
                next: ptr::null_mut(),
                sp_on_g0: 0,
                sp_at_entry: 0,
                entry,
            },
            here: gobuf(ptr::null_mut()),
            there: gobuf(ptr::null_mut()),
            g0_stack,
            there_stack,
            data,
        }));
        // SAFETY: the board is live, and only one context uses it at a time. `top` is the aligned
        // top of 64 KiB. `record_sp_and_start` gets the board and continues at `entry`, which never
        // returns into `goexit1`.
        unsafe {
            (*board).there.sp = init_stack(
                top,
                probe::record_sp_and_start,
                board.cast(),
                crate::life::goexit::goexit1,
            );
            test(board);
            Box::from_raw(board)
        }
    }

    /// Switches from the test to the other context.
    ///
    /// # Safety
    /// `this` is live, and the caller is `here`.
    unsafe fn go_there(this: *mut Self) {
        // SAFETY: the caller guarantees that the board is live and that we are `here`. `there` is
        // new or was saved by `go_here`.
        unsafe { Self::switch(this, &raw mut (*this).here, &raw mut (*this).there) }
    }

    /// Switches from the other context to the test.
    ///
    /// # Safety
    /// `this` is live, and the caller is `there`.
    unsafe fn go_here(this: *mut Self) {
        // SAFETY: the caller guarantees that the board is live and that we are `there`. `here` was
        // saved by `go_there`.
        unsafe { Self::switch(this, &raw mut (*this).there, &raw mut (*this).here) }
    }

    /// # Safety
    /// `from` is the caller's context, and `to` is a saved one (or the same), both of `this`.
    unsafe fn switch(this: *mut Self, from: *mut Gobuf, to: *mut Gobuf) {
        // SAFETY: the requirements of `mcall`: the caller passes the running context as `from`. The
        // board begins with g0's context, whose stack is not in use. The function there returns
        // `to`, which the caller guarantees to be a saved context, and does not unwind.
        unsafe {
            (*this).header.next = to;
            mcall(probe::record_sp_and_resume_next, from, this.cast());
        }
    }
}

#[test]
fn mcall_runs_its_function_on_g0_and_resumes_the_context_that_it_returns() {
    extern "C" fn entry(arg: *mut u8) {
        let board = arg.cast::<Switchboard<Vec<usize>>>();
        loop {
            let local = 0u8;
            // SAFETY: `arg` is the live board, and this is `there`.
            unsafe {
                (*board).data.push((&raw const local).addr());
                Switchboard::go_here(board);
            }
        }
    }
    watched(|| {
        let board = Switchboard::run(entry, Vec::new(), |board| {
            // SAFETY: the board is live, and this is `here`.
            unsafe {
                for visits in 1..=3 {
                    Switchboard::go_there(board);
                    assert_eq!((*board).data.len(), visits);
                }
            }
        });
        assert!(board.data.iter().all(|&sp| board.there_stack.contains(sp)));
        assert!(
            board.data.iter().all(|&sp| sp == board.data[0]),
            "each visit finds the stack as it was left"
        );
        assert!(board.g0_stack.contains(board.header.sp_on_g0));
        assert!(!board.there_stack.contains(board.here.sp.addr()));
    });
}

#[test]
fn mcall_may_resume_the_context_that_it_has_just_saved() {
    extern "C" fn never(_: *mut u8) {
        os::abort();
    }
    watched(|| {
        let board = Switchboard::run(never, (), |board| {
            // SAFETY: the board is live. `here` saves itself and is resumed.
            unsafe { Switchboard::switch(board, &raw mut (*board).here, &raw mut (*board).here) };
        });
        assert!(board.g0_stack.contains(board.header.sp_on_g0));
    });
}

/// The callee-saved registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
struct Registers([u64; probe::CALLEE_SAVED]);

impl Registers {
    /// `first`, `first + 1`…
    fn from(first: u64) -> Self {
        let mut values = first..;
        Self([(); probe::CALLEE_SAVED].map(|()| values.next().unwrap_or(0)))
    }

    /// Calls `f(arg)` with `self` in the registers, and returns their contents afterwards.
    ///
    /// # Safety
    /// `f` may be called with `arg`, and does not unwind.
    unsafe fn across(mut self, f: EntryFn, arg: *mut u8) -> Self {
        // SAFETY: the caller guarantees that `f` may be called with `arg`. `self` has a place for
        // each register.
        unsafe { probe::swap_registers_and_call(&mut self, f, arg) };
        self
    }
}

#[test]
fn callee_saved_registers_survive_a_context_that_clobbers_them() {
    const HERE: u64 = 0x1111_2222_3333_4400;
    const THERE: u64 = 0xaaaa_bbbb_cccc_dd00;
    type Board = Switchboard<Registers>;

    extern "C" fn entry(arg: *mut u8) {
        loop {
            // SAFETY: `arg` is the live board, and this is `there`.
            unsafe {
                let after = Registers::from(THERE).across(go_here, arg);
                (*arg.cast::<Board>()).data = after;
            }
        }
    }
    extern "C" fn go_here(board: *mut u8) {
        // SAFETY: `entry` passes the live board and is `there`.
        unsafe { Switchboard::go_here(board.cast::<Board>()) }
    }
    extern "C" fn go_there(board: *mut u8) {
        // SAFETY: the test passes the live board and is `here`.
        unsafe { Switchboard::go_there(board.cast::<Board>()) }
    }

    watched(|| {
        Switchboard::run(entry, Registers::default(), |board| {
            for visit in 0..3 {
                let before = Registers::from(HERE + 0x100 * visit);
                // SAFETY: the board is live, and this is `here`.
                let (after, there) = unsafe {
                    let after = before.across(go_there, board.cast());
                    (after, (*board).data)
                };
                assert_eq!(after, before);
                // The other context returns from its first call during our second.
                if visit > 0 {
                    assert_eq!(there, Registers::from(THERE));
                }
            }
        });
    });
}

#[test]
fn the_stack_is_aligned_at_a_contexts_entry_and_at_that_of_the_function_on_g0() {
    extern "C" fn entry(arg: *mut u8) {
        loop {
            // SAFETY: `arg` is the live board, and this is `there`.
            unsafe { Switchboard::go_here(arg.cast::<Switchboard<()>>()) };
        }
    }
    watched(|| {
        let board = Switchboard::run(entry, (), |board| {
            // SAFETY: the board is live, and this is `here`.
            unsafe { Switchboard::go_there(board) };
        });
        let Header {
            sp_on_g0,
            sp_at_entry,
            ..
        } = board.header;
        for sp in [sp_on_g0, sp_at_entry] {
            let before_call = sp + probe::PUSHED_BY_CALL;
            assert!(
                before_call.is_multiple_of(16),
                "{sp_on_g0:#x} {sp_at_entry:#x}"
            );
        }
        assert!(board.g0_stack.contains(sp_on_g0));
        assert!(board.there_stack.contains(sp_at_entry));
    });
}

#[test]
fn a_context_that_changes_threads_sees_the_m_of_the_thread_that_it_runs_on() {
    struct Courier(*mut Switchboard<Vec<usize>>);
    // SAFETY: the test joins each thread before it continues.
    unsafe impl Send for Courier {}

    extern "C" fn entry(arg: *mut u8) {
        let board = arg.cast::<Switchboard<Vec<usize>>>();
        // Both uses are in one function, so that the compiler could keep the thread-local's
        // address.
        loop {
            // SAFETY: `arg` is the live board, and this is `there`.
            unsafe {
                (*board).data.push(current_m().addr());
                Switchboard::go_here(board);
            }
        }
    }
    fn visit(courier: &Courier, m: usize) {
        set_current_m(ptr::without_provenance_mut(m));
        // SAFETY: the board is live, and this thread is `here`.
        unsafe { Switchboard::go_there(courier.0) };
        // Cleared before any runtime code can take it for an M.
        set_current_m(ptr::null_mut());
    }

    watched(|| {
        let board = Switchboard::run(entry, Vec::with_capacity(4), |board| {
            for m in [8, 16, 24] {
                let courier = Courier(board);
                thread::scope(|s| s.spawn(move || visit(&courier, m)).join())
                    .expect("the visit to end");
            }
            visit(&Courier(board), 32);
        });
        assert_eq!(board.data, [8, 16, 24, 32]);
        assert!(current_m().is_null());
    });
}

#[test]
fn an_entry_that_returns_lands_in_goexit() {
    // A join returns only because of `goexit0`.
    watched(|| {
        for i in 0..1_000 {
            assert_eq!(spawn(move || i).join().expect("no panic"), i);
        }
    });
}

/// Returns the functions' names in a backtrace, innermost first.
fn frames(backtrace: &Backtrace) -> Vec<String> {
    let name = |line: &str| {
        let (number, name) = line.trim_start().split_once(": ")?;
        number.parse::<u32>().ok()?;
        Some(name.to_owned())
    };
    backtrace.to_string().lines().filter_map(name).collect()
}

#[inline(never)]
fn a_function_of_the_user() -> Vec<String> {
    black_box(frames(&Backtrace::force_capture()))
}

#[test]
fn a_backtrace_in_a_goroutine_names_the_users_function_and_ends_at_goexit() {
    // The captured array lies above the first frame, where a caller's return address would be. An
    // unwinder that continued there would find code.
    let decoys = [os::abort as fn() -> ! as usize + 1; 4];
    let frames = in_goroutine(move || {
        black_box(decoys);
        // The second backtrace is taken after a switch.
        drop(a_function_of_the_user());
        yield_now();
        black_box(a_function_of_the_user())
    });
    assert!(
        frames.iter().any(|f| f.contains("a_function_of_the_user")),
        "{frames:#?}"
    );
    assert!(
        frames.last().is_some_and(|f| f.ends_with("::goexit")),
        "{frames:#?}"
    );
    for stranger in ["mstart", "std::thread", "start_thread", "clone", "mcall"] {
        assert!(!frames.iter().any(|f| f.contains(stranger)), "{frames:#?}");
    }
}

#[test]
fn a_backtrace_on_the_system_stack_ends_at_the_switch() {
    let frames = in_goroutine(|| on_system_stack(a_function_of_the_user));
    assert!(
        frames.iter().any(|f| f.contains("a_function_of_the_user")),
        "{frames:#?}"
    );
    assert!(
        frames.last().is_some_and(|f| f.ends_with("::mcall")),
        "{frames:#?}"
    );
}

#[test]
fn a_backtrace_below_call_from_continues_in_the_saved_context_to_goexit() {
    type Board = Switchboard<()>;

    extern "C" fn entry(arg: *mut u8) {
        waits_there(arg.cast());
    }
    #[inline(never)]
    fn waits_there(board: *mut Board) {
        loop {
            // SAFETY: `entry` passes the live board, and this is `there`.
            unsafe { Switchboard::go_here(board) };
        }
    }
    extern "C" fn look_from_here(arg: *mut u8) {
        // SAFETY: the test passes its own vector.
        unsafe { *arg.cast::<Vec<String>>() = frames(&Backtrace::force_capture()) };
    }

    watched(|| {
        let mut seen = Vec::<String>::new();
        Switchboard::run(entry, (), |board: *mut Board| {
            // SAFETY: the board is live, this is `here`, and `there` is saved while it is observed.
            unsafe {
                Switchboard::go_there(board);
                for _ in 0..2 {
                    call_from(
                        (*board).there.sp,
                        look_from_here,
                        ptr::from_mut(&mut seen).cast(),
                    );
                }
                Switchboard::go_there(board);
            }
        });
        let at = |name: &str| {
            let found = seen.iter().position(|f| f.contains(name));
            found.unwrap_or_else(|| panic!("no {name} in {seen:#?}"))
        };
        assert!(at("look_from_here") < at("::call_from"), "{seen:#?}");
        assert!(at("::call_from") < at("waits_there"), "{seen:#?}");
        assert!(
            seen.last().is_some_and(|f| f.ends_with("::goexit")),
            "{seen:#?}"
        );
        let observer = seen.iter().filter(|f| f.contains("test::run_test")).count();
        assert_eq!(observer, 0, "{seen:#?}");
    });
}

#[test]
fn callee_saved_registers_survive_call_from() {
    const HERE: u64 = 0x1111_2222_3333_4400;
    extern "C" fn clobber(_: *mut u8) {
        extern "C" fn nothing(_: *mut u8) {}
        // SAFETY: `nothing` accepts any argument.
        unsafe { black_box(Registers::from(0).across(nothing, ptr::null_mut())) };
    }
    extern "C" fn call(_: *mut u8) {
        // SAFETY: `clobber` does not walk the stack, so the context is not looked at.
        unsafe { call_from(ptr::null_mut(), clobber, ptr::null_mut()) };
    }
    let before = Registers::from(HERE);
    // SAFETY: `call` accepts any argument.
    let after = unsafe { before.across(call, ptr::null_mut()) };
    assert_eq!(after, before);
}

/// Calls itself until `depth` is 0 and panics there. Each level has something to drop.
#[inline(never)]
fn panic_below(depth: usize, dropped: &AtomicUsize) {
    struct Counts<'a>(&'a AtomicUsize);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let _counts = Counts(dropped);
    if depth == 0 {
        panic!("on purpose, deep down");
    }
    panic_below(depth - 1, dropped);
    black_box(depth);
}

#[test]
fn a_panic_is_caught_a_hundred_calls_up() {
    in_goroutine(|| {
        let dropped = AtomicUsize::new(0);
        for round in 1..=3 {
            let caught = catch_unwind(AssertUnwindSafe(|| panic_below(99, &dropped)));
            let payload = caught.expect_err("a panic");
            assert_eq!(
                payload.downcast_ref::<&str>(),
                Some(&"on purpose, deep down")
            );
            assert_eq!(dropped.load(Relaxed), 100 * round);
            assert!(!thread::panicking());
            yield_now();
        }
    });
}

#[test]
fn a_panic_and_its_message_fit_into_the_least_stack() {
    in_goroutine(|| {
        let handle = Builder::new()
            .stack_size(crate::stack::MIN_STACK)
            .spawn(|| panic_below(9, &AtomicUsize::new(0)))
            .expect("a stack");
        assert!(handle.join().is_err_and(|e| e.is_panic()));
    });
}

#[test]
fn a_destructor_may_park_while_unwinding_and_no_other_goroutine_panics() {
    /// A payload that no other test panics with.
    struct Payload(usize);
    struct Parks;
    impl Drop for Parks {
        fn drop(&mut self) {
            assert!(thread::panicking());
            yield_now();
            // The other goroutine is not finished yet, so `join` parks.
            let other = spawn(|| {
                yield_now();
                thread::panicking()
            });
            let other_panics = other.join().expect("no panic");
            assert!(!other_panics, "a bystander on this goroutine's thread");
            assert!(thread::panicking(), "back on the thread that counts");
        }
    }

    in_goroutine(|| {
        let bystanders: Vec<_> = (0..4)
            .map(|_| {
                spawn(|| {
                    (0..500).fold(0, |seen, _| {
                        yield_now();
                        seen + usize::from(thread::panicking())
                    })
                })
            })
            .collect();
        let unwinders: Vec<_> = (0..50)
            .map(|i| {
                spawn(move || {
                    let _parks = Parks;
                    // This does not call the panic hook: fifty messages would only be noise.
                    panic::resume_unwind(Box::new(Payload(i)));
                })
            })
            .collect();
        for (i, unwinder) in unwinders.into_iter().enumerate() {
            let payload = unwinder.join().expect_err("a panic").into_panic();
            assert_eq!(payload.downcast_ref::<Payload>().map(|p| p.0), Some(i));
        }
        for bystander in bystanders {
            assert_eq!(bystander.join().expect("no panic"), 0);
        }
        assert!(!thread::panicking());
    });
}

#[test]
fn on_system_stack_runs_on_the_threads_stack_and_returns_the_value() {
    in_goroutine(|| {
        let local = Cell::new(0);
        let (inside, room) = on_system_stack(|| {
            local.set(41);
            // More than the goroutine's stack.
            let room = black_box([1u8; 2 * crate::stack::DEFAULT_STACK]);
            (room.as_ptr().addr(), room.len())
        });
        local.set(local.get() + 1);
        assert_eq!((local.get(), room), (42, 2 * crate::stack::DEFAULT_STACK));
        let here = (&raw const local).addr();
        assert!(here.abs_diff(inside) > crate::stack::DEFAULT_STACK);
        // On the system stack `f` is simply called.
        assert_eq!(on_system_stack(|| on_system_stack(|| 7)), 7);
    });
    assert_eq!(
        on_system_stack(|| 5),
        5,
        "on a plain thread it is simply called"
    );
}

#[test]
fn a_panic_in_on_system_stack_continues_in_the_goroutine() {
    struct Payload(u32);
    in_goroutine(|| {
        let caught = catch_unwind(|| on_system_stack(|| panic_any(Payload(9))));
        let payload = caught.expect_err("a panic");
        assert_eq!(payload.downcast_ref::<Payload>().map(|p| p.0), Some(9));
        assert!(!thread::panicking());
        yield_now();
        assert_eq!(on_system_stack(|| 1), 1);
    });
}

#[test]
fn waiting_in_on_system_stack_panics_and_says_what_to_do() {
    in_goroutine(|| {
        let waits: [fn(); 2] = [
            || drop(Current::new(crate::WaitReason::Sleep)),
            || sleep(Duration::from_millis(1)),
        ];
        for wait in waits {
            let payload = catch_unwind(|| on_system_stack(wait)).expect_err("a panic");
            let message = payload.downcast_ref::<&str>().copied().unwrap_or_default();
            assert!(message.contains("`on_system_stack`"), "{message}");
            assert!(message.contains("move the operation out"), "{message}");
        }
        sleep(Duration::from_millis(1));
    });
}

#[test]
fn floats_survive_switches() {
    fn series(seed: f64, between: fn()) -> [f64; 4] {
        let [mut a, mut b, mut c, mut d] = [seed, seed * 0.5, seed + 0.25, 1.0 / seed];
        for i in 1..=1_000 {
            let x = f64::from(i);
            (a, b, c, d) = (a + d / x, b * 1.000_1 + x, c.sqrt() + b / x, d + a.recip());
            between();
        }
        [a, b, c, d]
    }
    in_goroutine(|| {
        let handles: Vec<_> = (1..=8)
            .map(|i| spawn(move || (f64::from(i), series(f64::from(i), yield_now))))
            .collect();
        for handle in handles {
            let (seed, found) = handle.join().expect("no panic");
            let expected = series(seed, || {});
            assert_eq!(found.map(f64::to_bits), expected.map(f64::to_bits));
        }
    });
}

/// Code that must be assembly, for x86-64.
#[cfg(target_arch = "x86_64")]
mod probe {
    use super::{EntryFn, Gobuf, Header, Registers};
    use std::arch::naked_asm;
    use std::mem::offset_of;

    /// Bytes that a call pushes below the point that must be aligned.
    pub(super) const PUSHED_BY_CALL: usize = 8;
    /// rbx, rbp, r12 to r15.
    pub(super) const CALLEE_SAVED: usize = 6;

    /// Calls `f(arg)` with `values` in the callee-saved registers, and stores their contents
    /// afterwards in `values`.
    ///
    /// # Safety
    /// `f` may be called with `arg`, and does not unwind.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn swap_registers_and_call(
        values: &mut Registers,
        f: EntryFn,
        arg: *mut u8,
    ) {
        // On entry: rdi = values, rsi = f, rdx = arg. Seven pushes and the return
        // address: aligned.
        naked_asm!(
            "push rbp",
            "push rbx",
            "push r12",
            "push r13",
            "push r14",
            "push r15",
            "push rdi",
            "mov rbx, [rdi]",
            "mov rbp, [rdi + 8]",
            "mov r12, [rdi + 16]",
            "mov r13, [rdi + 24]",
            "mov r14, [rdi + 32]",
            "mov r15, [rdi + 40]",
            "mov rdi, rdx",
            "call rsi",
            "pop rdi",
            "mov [rdi], rbx",
            "mov [rdi + 8], rbp",
            "mov [rdi + 16], r12",
            "mov [rdi + 24], r13",
            "mov [rdi + 32], r14",
            "mov [rdi + 40], r15",
            "pop r15",
            "pop r14",
            "pop r13",
            "pop r12",
            "pop rbx",
            "pop rbp",
            "ret",
        )
    }

    /// For `mcall`: records the stack pointer and returns `next`.
    ///
    /// # Safety
    /// The contract is that of [`OnG0Fn`](crate::arch::OnG0Fn). `m` is a [`Header`], and the
    /// function may return `next`.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn record_sp_and_resume_next(
        from: *mut Gobuf,
        m: *mut Gobuf,
    ) -> *mut Gobuf {
        // On entry: rdi = from, rsi = m, which is a Header.
        naked_asm!(
            "mov [rsi + {sp}], rsp",
            "mov rax, [rsi + {next}]",
            "ret",
            sp = const offset_of!(Header, sp_on_g0),
            next = const offset_of!(Header, next),
        )
    }

    /// First function of a context: records the stack pointer and continues at `entry`.
    #[unsafe(naked)]
    pub(super) extern "C" fn record_sp_and_start(arg: *mut u8) {
        // On entry: rdi = arg, which is a Header.
        naked_asm!(
            "mov [rdi + {sp}], rsp",
            "jmp [rdi + {entry}]",
            sp = const offset_of!(Header, sp_at_entry),
            entry = const offset_of!(Header, entry),
        )
    }
}

/// Code that must be assembly, for aarch64.
#[cfg(target_arch = "aarch64")]
mod probe {
    use super::{EntryFn, Gobuf, Header, Registers};
    use std::arch::naked_asm;
    use std::mem::offset_of;

    /// Zero: the return address is in a register.
    pub(super) const PUSHED_BY_CALL: usize = 0;
    /// x19 to x29, d8 to d15.
    pub(super) const CALLEE_SAVED: usize = 19;

    /// Calls `f(arg)` with `values` in the callee-saved registers, and stores their contents
    /// afterwards in `values`.
    ///
    /// # Safety
    /// `f` may be called with `arg`, and does not unwind.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn swap_registers_and_call(
        values: &mut Registers,
        f: EntryFn,
        arg: *mut u8,
    ) {
        // On entry: x0 = values, x1 = f, x2 = arg.
        naked_asm!(
            "stp x29, x30, [sp, #-176]!",
            "stp x19, x20, [sp, #16]",
            "stp x21, x22, [sp, #32]",
            "stp x23, x24, [sp, #48]",
            "stp x25, x26, [sp, #64]",
            "stp x27, x28, [sp, #80]",
            "stp d8, d9, [sp, #96]",
            "stp d10, d11, [sp, #112]",
            "stp d12, d13, [sp, #128]",
            "stp d14, d15, [sp, #144]",
            "str x0, [sp, #160]",
            "ldp x19, x20, [x0]",
            "ldp x21, x22, [x0, #16]",
            "ldp x23, x24, [x0, #32]",
            "ldp x25, x26, [x0, #48]",
            "ldp x27, x28, [x0, #64]",
            "ldr x29, [x0, #80]",
            "ldp d8, d9, [x0, #88]",
            "ldp d10, d11, [x0, #104]",
            "ldp d12, d13, [x0, #120]",
            "ldp d14, d15, [x0, #136]",
            "mov x0, x2",
            "blr x1",
            "ldr x0, [sp, #160]",
            "stp x19, x20, [x0]",
            "stp x21, x22, [x0, #16]",
            "stp x23, x24, [x0, #32]",
            "stp x25, x26, [x0, #48]",
            "stp x27, x28, [x0, #64]",
            "str x29, [x0, #80]",
            "stp d8, d9, [x0, #88]",
            "stp d10, d11, [x0, #104]",
            "stp d12, d13, [x0, #120]",
            "stp d14, d15, [x0, #136]",
            "ldp d14, d15, [sp, #144]",
            "ldp d12, d13, [sp, #128]",
            "ldp d10, d11, [sp, #112]",
            "ldp d8, d9, [sp, #96]",
            "ldp x27, x28, [sp, #80]",
            "ldp x25, x26, [sp, #64]",
            "ldp x23, x24, [sp, #48]",
            "ldp x21, x22, [sp, #32]",
            "ldp x19, x20, [sp, #16]",
            "ldp x29, x30, [sp], #176",
            "ret",
        )
    }

    /// For `mcall`: records the stack pointer and returns `next`.
    ///
    /// # Safety
    /// The contract is that of [`OnG0Fn`](crate::arch::OnG0Fn). `m` is a [`Header`], and the
    /// function may return `next`.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn record_sp_and_resume_next(
        from: *mut Gobuf,
        m: *mut Gobuf,
    ) -> *mut Gobuf {
        // On entry: x0 = from, x1 = m, which is a Header.
        naked_asm!(
            "mov x9, sp",
            "str x9, [x1, {sp}]",
            "ldr x0, [x1, {next}]",
            "ret",
            sp = const offset_of!(Header, sp_on_g0),
            next = const offset_of!(Header, next),
        )
    }

    /// First function of a context: records the stack pointer and continues at `entry`.
    #[unsafe(naked)]
    pub(super) extern "C" fn record_sp_and_start(arg: *mut u8) {
        // On entry: x0 = arg, which is a Header.
        naked_asm!(
            "mov x9, sp",
            "str x9, [x0, {sp}]",
            "ldr x16, [x0, {entry}]",
            "br x16",
            sp = const offset_of!(Header, sp_at_entry),
            entry = const offset_of!(Header, entry),
        )
    }
}
