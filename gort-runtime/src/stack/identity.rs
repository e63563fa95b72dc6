//! Thread-locals that belong to a goroutine: the *identity* of its stack.
//!
//! The thread-locals of a thread lie in a block that libc lays out beside the thread's control block, to which
//! the *thread pointer* points. Whatever compilers, std, libc and other libraries know of "the thread" hangs on
//! that pointer. A goroutine that keeps one for life therefore keeps its thread-locals, whichever thread runs it.
//!
//! ```text
//!  floor                            top                                              end
//!  ┌─────────────────────────────────┬──────┬─────────────┬───────────┬───────┬────────┐
//!  │ ◄─ stack                        │ Head │ dead frames │ TLS block │ libc's│ colour │
//!  └─────────────────────────────────┴──────┴─────────────┴───────────┴───────┴────────┘
//! ```
//! (On aarch64 the TLS block lies above the control block.)
//!
//! # How one is made
//! A real thread is started whose stack is the slot, so libc puts the block and the control block at the slot's
//! top, as for any thread. It ends at once and is never joined, so libc keeps both for whoever would join it. How it
//! ends is the C library's matter:
//! - glibc: it returns. To libc it is a thread that has ended: `setuid` and its like pass it over, `malloc` keeps no
//!   cache for it, and `dlopen` goes on giving it what later libraries need.
//! - musl: it makes the kernel's `exit` call itself (see "On musl").
//!
//! # Who uses it
//! The goroutine that runs on the stack, and on its behalf the thread that runs the goroutine. `mcall` puts the
//! thread's own pointer back before the goroutine is seen to be parked, and sets the goroutine's last before it
//! resumes it: as the context has one owner, so has the identity. The next goroutine on the stack finds
//! in the thread-locals what the last one left, as the next job does in a thread of a pool.
//!
//! # What is put right
//! 1. Its thread id in the control block is given by the kernel to another thread some day, and mutexes that know
//!    their owner by that number would take the two for one. It is replaced by a number that no thread can have.
//!    Where it stands is found out by looking for it, once ([`find_tid`]).
//! 2. Restartable sequences are the kernel's with the thread; the area in the block is unregistered, so that
//!    `sched_getcpu` asks the kernel.
//! 3. glibc before 2.36 closes `malloc`'s cache only for a thread that has had one: it allocates once.
//! 4. The signal by which libc has every thread change its user id is handled under the thread's own pointer
//!    (`setxid.rs`).
//! 5. In a child that a goroutine has forked nothing uses the thread's block any more (`fork.rs`).
//!
//! # On musl
//! A thread of musl's that returns takes itself off musl's list of threads: it locks the list, and it is the kernel that
//! unlocks it, at the thread's end, by clearing the word that the thread was started with. With another word in its place
//! ([`os::clear_at_exit`]) the list would stay locked for ever; and what a goroutine started from an identity off the
//! list would hang on a ring that nobody else sees. So the thread does not return. The list stays sound:
//! 1. Who starts a thread links its control block while it holds the lock, and unlocks. The block's memory is the slot's
//!    or a mapping of musl's, neither of which is ever given back: every link goes on pointing to live memory.
//! 2. The thread holds the lock neither when it exits nor before: it calls nothing that takes it.
//! 3. The kernel clears the word in `Birth`, not the lock's, so that it never unlocks what somebody else holds.
//! 4. `make` uses the block when `pthread_create` has returned and the kernel has cleared the word: neither the
//!    starter nor the thread writes to it then. What later threads write there are the links, under the lock.
//! 5. The thread has no robust list (musl registers one with the first such lock) and no restartable sequences; its
//!    signal mask ends with it, but for the mask that its block would pass on, which nobody reads.
//!
//! Where thread-locals and keys take 2,048 bytes or more musl puts the block into a mapping of its own, which it
//! would unmap when the thread is joined or ends as detached: neither happens. Then the slot holds the frames only.
//!
//! What it costs: musl counts the identities as threads that live. `setuid` and its like signal each by its thread id,
//! and give up at one that is none; if a thread that wears an identity is signalled before that, it does not know itself by
//! the id, and the caller waits for ever. Each such call installs its handler anew, so none of ours could stand before
//! it. `raise` sends to that id too, and fails; `gettid` returns it; `abort` falls back upon an invalid instruction.
//!
//! At the first use each assumption is tried ([`ensure_possible`]); where one does not hold, the program ends with
//! what failed and what to do instead.

use super::StackSlot;
use super::fork;
use super::layout::Layout;
use super::map;
use super::setxid;
use crate::arch;
use crate::base::throw::fatal;
use crate::os;
use std::cell::Cell;
use std::ffi::c_void;
use std::hint::black_box;
use std::io;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicIsize, AtomicU32, AtomicUsize,
    Ordering::{Acquire, Relaxed},
};

/// What lies at the top of a stack with an identity.
#[repr(C, align(16))]
struct Head {
    thread_pointer: *mut u8,
}

/// Thread ids end below 2^22; what is stored with a mutex has 30 bits.
const NO_THREADS: u32 = 1 << 29;
/// Whether libc may put the control block elsewhere than on a stack that it is given. musl never gives that
/// memory back either.
const MAY_LIE_ELSEWHERE: bool = cfg!(target_env = "musl");
/// Identities made.
static MADE: AtomicU32 = AtomicU32::new(0);
/// Where a control block has the thread id, from the thread pointer; 0: not known.
static TID_AT: AtomicIsize = AtomicIsize::new(0);
/// Bytes that an identity takes at the top of a slot; whole pages.
static ROOM: AtomicUsize = AtomicUsize::new(0);

/// Bytes that an identity takes at the top of a slot: whole pages.
pub(super) fn room() -> usize {
    ROOM.load(Relaxed)
}

/// The thread pointer of the identity at the top of a stack.
///
/// # Safety
/// `top` is that of a slot that has been given an identity by [`add`].
#[inline(always)]
pub(super) unsafe fn thread_pointer(top: *mut u8) -> *mut u8 {
    // SAFETY: caller's clause: `add` has put a head there.
    unsafe { (*top.cast::<Head>()).thread_pointer }
}

/// Gives a slot, which is the caller's, an identity; `None`: no thread can be started now.
pub(super) fn add(bare: StackSlot) -> Option<StackSlot> {
    let low = bare.base().wrapping_add(Layout::here().guard());
    // SAFETY: from above the guard to the top of a slot that is the caller's.
    let top = match unsafe { make(low, bare.top()) } {
        Ok(top) => top,
        // The system has no thread for us now. The slot is as it was.
        Err(e) if e.raw_os_error().is_some() => return None,
        // libc keeps what it has put there: the slot is spoilt.
        Err(e) => give_up(&e.to_string()),
    };
    if top.as_ptr().addr() < low.addr() + bare.kind().size() {
        give_up("libc laid out the thread-locals of two threads differently");
    }
    Some(bare.with_identity(top))
}

/// What the thread that becomes an identity says of itself.
struct Birth {
    /// Cleared by the kernel when the thread has ended.
    alive: AtomicU32,
    thread_pointer: Cell<*mut u8>,
    /// The stack pointer in its first function.
    frame: Cell<*mut u8>,
    /// The highest address of the stack's memory.
    end: *mut u8,
    tid_at: Cell<Option<isize>>,
}

/// Makes an identity at the end of `[low, high)`; gives the highest address at which frames may begin. An error
/// of the system's leaves the memory as it was.
///
/// # Safety
/// The memory is mapped for ever, and the caller's to give away.
unsafe fn make(low: *mut u8, high: *mut u8) -> io::Result<NonNull<u8>> {
    let birth = Birth {
        alive: AtomicU32::new(1),
        thread_pointer: Cell::new(ptr::null_mut()),
        frame: Cell::new(ptr::null_mut()),
        end: high,
        tid_at: Cell::new(None),
    };
    // SAFETY: `live` gets its `Birth`, which stays until the thread has ended: that is waited for below. The memory is
    // ours to give away (caller's clause).
    unsafe {
        os::start_thread_on(
            low,
            high.addr() - low.addr(),
            live,
            (&raw const birth).cast_mut().cast(),
        )?;
    }
    loop {
        let alive = birth.alive.load(Acquire);
        if alive == 0 {
            break;
        }
        os::futex_wait_shared(&birth.alive, alive);
    }
    let (tp, Some(tid_at)) = (birth.thread_pointer.get(), birth.tid_at.get()) else {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the thread id was not found in libc's thread control block",
        ));
    };
    let top = birth
        .frame
        .get()
        .map_addr(|at| (at & !15) - size_of::<Head>());
    let inside = (top.addr()..high.addr()).contains(&tp.addr());
    if !(inside || MAY_LIE_ELSEWHERE) || !(low.addr()..high.addr()).contains(&top.addr()) {
        return Err(io::Error::other(
            "libc did not put the thread control block on the thread's stack",
        ));
    }
    // Not the last one of 30 bits: to musl that is a mutex whose owner has died.
    let number = NO_THREADS + MADE.fetch_add(1, Relaxed) % (NO_THREADS - 1);
    // SAFETY: the thread has ended: its control block, where its id was found, and its frames, among which `top` is,
    // are nobody's but ours. `top` lies in the slot, and is a multiple of 16.
    unsafe {
        tp.offset(tid_at).cast::<u32>().write(number);
        top.cast::<Head>().write(Head { thread_pointer: tp });
        Ok(NonNull::new_unchecked(top))
    }
}

/// The whole life of a thread that becomes an identity.
extern "C" fn live(birth: *mut c_void) -> *mut c_void {
    // SAFETY: from `make`, which waits until this thread has ended, and touches it afterwards only.
    let birth = unsafe { &*birth.cast::<Birth>() };
    // Not the address of a variable: AddressSanitizer keeps those elsewhere.
    birth.frame.set(arch::stack_pointer());
    let tp = arch::thread_pointer();
    birth.thread_pointer.set(tp);
    let tid = os::thread_id();
    // SAFETY: this thread's own control block, above this frame, and below `end`.
    birth
        .tid_at
        .set(unsafe { find_tid(tid, tp, birth.frame.get(), birth.end) });
    os::unregister_rseq(tp);
    // SAFETY: what was just allocated is freed.
    unsafe { libc::free(black_box(libc::malloc(1))) };
    // The last word: from here to the end the kernel and libc are at work.
    os::clear_at_exit(&birth.alive);
    if cfg!(target_env = "musl") {
        // SAFETY: nobody joins or detaches this thread; it holds no lock, and nothing in its frames is used again.
        unsafe { os::exit_thread() };
    }
    ptr::null_mut()
}

/// Where the calling thread's control block has its id, from the thread pointer: at one place, or nothing is known.
///
/// # Safety
/// `[frame, end)` is the top of the calling thread's stack.
unsafe fn find_tid(tid: libc::pid_t, tp: *mut u8, frame: *mut u8, end: *mut u8) -> Option<isize> {
    /// The control block of glibc for a thread is no larger. That of musl, which may lie elsewhere, is no smaller.
    const MOST: usize = if MAY_LIE_ELSEWHERE { 192 } else { 4096 };
    // It lies above the thread pointer, or ends there.
    let block = if MAY_LIE_ELSEWHERE && cfg!(target_arch = "x86_64") {
        tp.addr()..tp.addr() + MOST
    } else if MAY_LIE_ELSEWHERE {
        tp.addr() - MOST..tp.addr()
    } else if cfg!(target_arch = "x86_64") {
        tp.addr()..end.addr().min(tp.addr() + MOST)
    } else {
        tp.addr().saturating_sub(MOST).max(frame.addr() + 512)..tp.addr()
    };
    let is_tid = |at: isize| {
        // SAFETY: inside the block, of which all is mapped memory of this thread (caller's clause), and aligned.
        unsafe { tp.offset(at).cast::<libc::pid_t>().read_volatile() == tid }
    };
    let known = TID_AT.load(Relaxed);
    if known != 0 {
        return is_tid(known).then_some(known);
    }
    let first = block.start.next_multiple_of(4);
    let mut places = (first..block.end.saturating_sub(3))
        .step_by(4)
        .map(|at| at.wrapping_sub(tp.addr()).cast_signed())
        .filter(|&at| at != 0 && is_tid(at));
    let place = places.next()?;
    if places.next().is_some() {
        return None;
    }
    TID_AT.store(place, Relaxed);
    Some(place)
}

/// Tries, once, whether there can be identities here. If not the process ends, and says why.
pub(crate) fn ensure_possible() {
    static TRIED: OnceLock<()> = OnceLock::new();
    TRIED.get_or_init(|| {
        if let Err(why) = try_out() {
            give_up(&why);
        }
    });
}

fn give_up(why: &str) -> ! {
    fatal(&format!(
        "goroutines cannot have thread-locals of their own here: {why} ({}). Do without `own_thread_locals` \
         (gort's chapter on soundness says what the program must then keep to), and report this.",
        os::libc_version()
    ));
}

/// Makes two, with their control blocks as far from the end as those of any slot, and looks at one from inside.
fn try_out() -> Result<(), String> {
    const COLOURS: usize = super::layout::COLOURS * super::layout::CACHE_LINE;
    if !cfg!(any(target_env = "gnu", target_env = "musl")) {
        return Err("it takes glibc or musl".to_owned());
    }
    let (mut len, mut threads_left) = (256 * 1024, 16);
    let (base, first) = loop {
        let base = map::map_region(2 * len).map_err(|e| e.to_string())?;
        let end = base.as_ptr().wrapping_add(len);
        // SAFETY: our own mapping, which is never unmapped from here on.
        match unsafe { make(base.as_ptr(), end) } {
            Ok(top) => break (base, top),
            // The thread-locals of this program do not fit.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) && len < 1 << 28 => len *= 2,
            // Its id may be what else stands in the block, such as the upper half of an address: the next one's is not.
            Err(e) if e.kind() == io::ErrorKind::NotFound && threads_left > 0 => threads_left -= 1,
            Err(e) => return Err(e.to_string()),
        }
    };
    let half = base.as_ptr().wrapping_add(len);
    let end = half.wrapping_add(len - COLOURS);
    // SAFETY: the upper half of the same mapping.
    let second = unsafe { make(half, end) }.map_err(|e| e.to_string())?;
    let taken = (half.addr() - first.as_ptr().addr()).max(end.addr() - second.as_ptr().addr());
    ROOM.store(taken.next_multiple_of(os::page_size()), Relaxed);
    // SAFETY: both were just made, and nobody else knows of them.
    let (one, other) = unsafe {
        (
            thread_pointer(first.as_ptr()),
            thread_pointer(second.as_ptr()),
        )
    };
    let here = look();
    let there = look_under(one);
    // Again, to see that what was stored is found.
    let (again, elsewhere) = (look_under(one), look_under(other));
    let back = look();
    let expect = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    expect(
        there.thread_pointer == one,
        "the thread pointer cannot be set",
    )?;
    expect(
        back.thread_pointer == here.thread_pointer,
        "the thread pointer cannot be put back",
    )?;
    expect(
        there.seen == 0 && elsewhere.seen == 0,
        "a fresh block of thread-locals is not as it should be",
    )?;
    expect(
        again.seen == 1 && back.seen == here.seen + 1,
        "thread-locals do not follow the thread pointer",
    )?;
    expect(
        there.errno != here.errno && again.errno == there.errno && back.errno == here.errno,
        "libc's `errno` does not follow the thread pointer",
    )?;
    expect(
        there.this != here.this && again.this == there.this,
        "`pthread_self` does not follow the thread pointer",
    )?;
    expect(fork::watch(), "libc takes no handler for `fork`")?;
    if cfg!(target_env = "gnu") {
        setxid::handle_under_own_pointer();
    }
    Ok(())
}

/// What is seen from inside a thread, or an identity.
#[derive(Clone, Copy)]
struct Seen {
    thread_pointer: *mut u8,
    /// How often somebody has looked from here.
    seen: u32,
    errno: *mut libc::c_int,
    this: libc::pthread_t,
}

thread_local! {
    static LOOKED: Cell<u32> = const { Cell::new(0) };
}

/// Not inlined: the thread-local's address is that of whoever calls.
#[inline(never)]
fn look() -> Seen {
    let seen = LOOKED.get();
    LOOKED.set(seen + 1);
    // SAFETY: both only ask.
    let (errno, this) = unsafe { (libc::__errno_location(), libc::pthread_self()) };
    Seen {
        thread_pointer: arch::thread_pointer(),
        seen,
        errno,
        this,
    }
}

/// Looks with the thread pointer `tp`, of an identity that nobody uses.
fn look_under(tp: *mut u8) -> Seen {
    /// # Safety
    /// `place` is one for a `Seen`.
    unsafe extern "C" fn look_into(place: *mut u8) {
        // SAFETY: caller's clause: `place` is one for a `Seen`.
        unsafe { place.cast::<Seen>().write(look()) };
    }
    let mut seen = MaybeUninit::<Seen>::uninit();
    // SAFETY: nobody uses the identity; `look_into` gets a place, fills it, and does not unwind.
    unsafe {
        arch::call_under(tp, arch::current_m(), look_into, seen.as_mut_ptr().cast());
        seen.assume_init()
    }
}
