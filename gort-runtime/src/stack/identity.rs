//! Thread-locals that belong to a goroutine: the *identity* of its stack.
//!
//! The thread-locals of a thread lie in a block that libc places next to the thread's control
//! block. The *thread pointer* points to the control block. Compilers, std, libc and other
//! libraries reach everything that they know of "the thread" through that pointer. A goroutine that
//! keeps one pointer for life therefore keeps its thread-locals, whichever thread runs it.
//!
//! ```text
//!  floor                            top                                              end
//!  ┌─────────────────────────────────┬──────┬─────────────┬───────────┬───────┬────────┐
//!  │ ◄─ stack                        │ Head │ dead frames │ TLS block │ libc's│ colour │
//!  └─────────────────────────────────┴──────┴─────────────┴───────────┴───────┴────────┘
//! ```
//! (On aarch64 the TLS block lies above the control block.)
//!
//! # How an identity is made
//! The runtime starts a real thread whose stack is the slot. libc then puts the TLS block and the
//! control block at the slot's top, as for any thread. The thread ends at once and is never joined,
//! so libc keeps both blocks for a later join. How the thread ends depends on the C library:
//! - With glibc, the thread returns. To libc it is then a thread that has ended: `setuid` and
//!   similar functions skip it, `malloc` keeps no cache for it, and `dlopen` continues to supply it
//!   with what later libraries need.
//! - With musl, the thread makes the kernel's `exit` call itself (see "On musl").
//!
//! # Who uses an identity
//! The goroutine that runs on the stack uses it, and so does the thread that runs the goroutine, on
//! its behalf. `mcall` restores the thread's own pointer before anything can see the goroutine
//! parked, and sets the goroutine's pointer as its last step before it resumes the goroutine. An
//! identity therefore has one owner at a time, the owner of the saved context. The next goroutine
//! on the stack finds the thread-locals as the last one left them, like the next job of a thread
//! pool.
//!
//! # What is corrected
//! 1. Sooner or later the kernel gives the identity's thread id to another thread, and mutexes that
//!    record their owner by that number would confuse the two. The id in the control block is
//!    replaced by a number that no thread can have. The position of the id is found once, by a
//!    search for the id ([`find_tid`]).
//! 2. The kernel ties restartable sequences to the thread. The area in the block is unregistered,
//!    so that `sched_getcpu` makes a system call.
//! 3. Before version 2.36, glibc closes `malloc`'s cache only for a thread that has had one. The
//!    thread therefore allocates once.
//! 4. The signal by which libc makes every thread change its user id is handled under the thread's
//!    own pointer (`setxid.rs`).
//! 5. In a child that a goroutine has forked, nothing uses the block of the thread that ran the
//!    goroutine any more (`fork.rs`).
//!
//! # On musl
//! When a thread returns, it removes itself from musl's list of threads. It locks the list, and the
//! kernel unlocks it at the thread's end by clearing the word with which the thread was started. If
//! that word were replaced ([`os::clear_at_exit`]), the list would stay locked for ever. And if the
//! identity had left the list, a thread that a goroutine starts under the identity would be linked
//! into a ring that no other thread sees. The identity's thread therefore does not return. The list
//! stays sound:
//! 1. A thread that starts another one links the new control block while it holds the lock, and
//!    then unlocks. The block's memory is the slot's or a mapping of musl's, and neither is ever
//!    unmapped, so every link points to live memory for ever.
//! 2. The new thread does not hold the lock when it exits, nor at any time before: it calls nothing
//!    that acquires it.
//! 3. The kernel clears the word in `Birth` and not the lock's word, so it never releases a lock
//!    that another thread holds.
//! 4. `make` uses the block after `pthread_create` has returned and the kernel has cleared the
//!    word. Neither the starter nor the thread writes to it from then on. Later threads write only
//!    the links, under the lock.
//! 5. The thread has no robust list (musl registers one with the first such lock) and no
//!    restartable sequences. Its signal mask ends with it, except for the copy that its block would
//!    pass on, which nothing reads.
//!
//! If thread-locals and keys take 2,048 bytes or more, musl puts the block into a mapping of its
//! own. It would unmap that mapping if the thread were joined, or ended detached; neither happens.
//! The slot then holds only the frames.
//!
//! The price is that musl counts identities as living threads. `setuid` and similar functions
//! signal each of them by its thread id, and give up at an id that no thread has. If they first
//! signal a thread that is using an identity, that thread does not recognise the id as its own, and
//! the caller waits for ever. A handler installed by gort cannot prevent this, because each such
//! call installs musl's handler anew. `raise` also sends to the identity's id, and fails; `gettid`
//! returns that id; `abort` falls back to an invalid instruction.
//!
//! [`ensure_possible`] tests each of these assumptions when identities are first used. If one does
//! not hold, the program ends with a message that says what failed and what to do instead.

use super::StackSlot;
use super::fork;
use super::layout::Layout;
use super::map;
use super::setxid;
use super::valgrind;
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

/// The record at the top of a stack with an identity.
#[repr(C, align(16))]
struct Head {
    thread_pointer: *mut u8,
}

/// The first number that replaces a thread id. Real thread ids are below 2^22, and the owner field
/// of a mutex has 30 bits.
const FIRST_FAKE_ID: u32 = 1 << 29;
/// Whether libc may put the control block elsewhere than on the stack that it is given. Only musl
/// does, and it never unmaps that memory either.
const MAY_LIE_ELSEWHERE: bool = cfg!(target_env = "musl");
/// Number of identities made.
static MADE: AtomicU32 = AtomicU32::new(0);
/// Offset of the thread id in a control block, from the thread pointer. 0 until it is known.
static TID_AT: AtomicIsize = AtomicIsize::new(0);
/// Bytes that an identity takes at the top of a slot, in whole pages.
static ROOM: AtomicUsize = AtomicUsize::new(0);

/// Returns the number of bytes that an identity takes at the top of a slot, in whole pages.
pub(super) fn room() -> usize {
    ROOM.load(Relaxed)
}

/// Returns the thread pointer of the identity at the top of a stack.
///
/// # Safety
/// `top` is that of a slot to which [`add`] has given an identity.
#[inline(always)]
pub(super) unsafe fn thread_pointer(top: *mut u8) -> *mut u8 {
    // SAFETY: the caller says that `add` has given the slot an identity, so a `Head` is there.
    unsafe { (*top.cast::<Head>()).thread_pointer }
}

/// Gives an identity to a slot that the caller owns. Returns `None` if no thread can be started
/// now.
pub(super) fn add(bare: StackSlot) -> Option<StackSlot> {
    let low = bare.base().wrapping_add(Layout::here().guard());
    // SAFETY: the range is from above the guard to the top of a slot that the caller owns.
    let top = match unsafe { make(low, bare.top()) } {
        Ok(top) => top,
        // The system cannot start a thread now. The slot is unchanged.
        Err(e) if e.raw_os_error().is_some() => return None,
        // libc has put data into the slot and keeps using it, so the slot is lost.
        Err(e) => give_up(&e.to_string()),
    };
    if top.as_ptr().addr() < low.addr() + bare.kind().size() {
        give_up("libc laid out the thread-locals of two threads differently");
    }
    Some(bare.with_identity(top))
}

/// What the thread that becomes an identity reports about itself.
struct Birth {
    /// Nonzero until the thread has ended. The kernel clears it then.
    alive: AtomicU32,
    thread_pointer: Cell<*mut u8>,
    /// The stack pointer in the thread's first function.
    frame: Cell<*mut u8>,
    /// The highest address of the stack's memory.
    end: *mut u8,
    tid_at: Cell<Option<isize>>,
}

/// Makes an identity at the end of `[low, high)`. Returns the highest address at which frames may
/// begin. If the system returns an error, the memory is unchanged.
///
/// # Safety
/// The memory is mapped for ever. The caller owns it, and does not use it afterwards.
unsafe fn make(low: *mut u8, high: *mut u8) -> io::Result<NonNull<u8>> {
    let birth = Birth {
        alive: AtomicU32::new(1),
        thread_pointer: Cell::new(ptr::null_mut()),
        frame: Cell::new(ptr::null_mut()),
        end: high,
        tid_at: Cell::new(None),
    };
    // SAFETY: `live` gets its `Birth`, which lives until the thread has ended: the loop below waits
    // for that. The caller gives the memory away.
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
    // The largest number of 30 bits is not used: in a mutex of musl's, it means that the owner has
    // died.
    let number = FIRST_FAKE_ID + MADE.fetch_add(1, Relaxed) % (FIRST_FAKE_ID - 1);
    valgrind::make_undefined(low, top.wrapping_add(size_of::<Head>()));
    // SAFETY: the thread has ended, so its control block, where its id was found, and its frames,
    // in which `top` is, belong to us alone. `top` lies in the slot and is a multiple of 16.
    unsafe {
        tp.offset(tid_at).cast::<u32>().write(number);
        top.cast::<Head>().write(Head { thread_pointer: tp });
        Ok(NonNull::new_unchecked(top))
    }
}

/// The function of the thread that becomes an identity, from the thread's start to its end.
extern "C" fn live(birth: *mut c_void) -> *mut c_void {
    // SAFETY: `make` passes its `Birth`, waits until this thread has ended, and does not access its
    // cells before that.
    let birth = unsafe { &*birth.cast::<Birth>() };
    // The address of a variable would not do, because AddressSanitizer keeps variables elsewhere.
    birth.frame.set(arch::stack_pointer());
    let tp = arch::thread_pointer();
    birth.thread_pointer.set(tp);
    let tid = os::thread_id();
    // SAFETY: the control block is this thread's own. It lies above the frame of this function,
    // and below `end`.
    birth
        .tid_at
        .set(unsafe { find_tid(tid, tp, birth.frame.get(), birth.end) });
    os::unregister_rseq(tp);
    // SAFETY: this frees what was just allocated.
    unsafe { libc::free(black_box(libc::malloc(1))) };
    // This must be the last step: from here on only the kernel and libc act.
    os::clear_at_exit(&birth.alive);
    if cfg!(target_env = "musl") {
        // SAFETY: no code joins or detaches this thread. It holds no lock, and nothing in its
        // frames is used again.
        unsafe { os::exit_thread() };
    }
    ptr::null_mut()
}

/// Returns the offset of the calling thread's id in its control block, from the thread pointer.
/// Returns `None` if no place, or more than one, holds the id.
///
/// # Safety
/// `[frame, end)` is the top of the calling thread's stack.
unsafe fn find_tid(tid: libc::pid_t, tp: *mut u8, frame: *mut u8, end: *mut u8) -> Option<isize> {
    /// Bytes to search. glibc's control block is at most this large. musl's, which may lie
    /// elsewhere, is at least this large.
    const MAX_LEN: usize = if MAY_LIE_ELSEWHERE { 192 } else { 4096 };
    // The block lies above the thread pointer, or ends there.
    let block = if MAY_LIE_ELSEWHERE && cfg!(target_arch = "x86_64") {
        tp.addr()..tp.addr() + MAX_LEN
    } else if MAY_LIE_ELSEWHERE {
        tp.addr() - MAX_LEN..tp.addr()
    } else if cfg!(target_arch = "x86_64") {
        tp.addr()..end.addr().min(tp.addr() + MAX_LEN)
    } else {
        tp.addr().saturating_sub(MAX_LEN).max(frame.addr() + 512)..tp.addr()
    };
    let is_tid = |at: isize| {
        // SAFETY: `at` is aligned and inside the block, all of which is mapped memory of this
        // thread (the caller says so of the stack).
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

/// Tests, once, whether identities are possible in this process. If not, ends the process with a
/// message that says why.
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
        "goroutines cannot have thread-locals of their own here: {why} ({}); run the program without them \
         (gort's chapter on soundness says which rules it must then keep), and report this",
        os::libc_version()
    ));
}

/// Makes two identities, and examines both from inside. The first is made at the end of its memory,
/// and the second as far below that as the colour can move an identity in a slot.
fn try_out() -> Result<(), String> {
    const COLOURS: usize = super::layout::COLOURS * super::layout::CACHE_LINE;
    if !cfg!(any(target_env = "gnu", target_env = "musl")) {
        return Err("this needs glibc or musl".to_owned());
    }
    let (mut len, mut threads_left) = (256 * 1024, 16);
    let (base, first) = loop {
        let base = map::map_region(2 * len).map_err(|e| e.to_string())?;
        let end = base.as_ptr().wrapping_add(len);
        // SAFETY: the mapping is ours, and is never unmapped.
        match unsafe { make(base.as_ptr(), end) } {
            Ok(top) => break (base, top),
            // The thread-locals of this program do not fit: try a larger stack.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) && len < 1 << 28 => len *= 2,
            // Some other value in the block, such as the upper half of an address, may have
            // equalled the thread's id. The next thread has another id.
            Err(e) if e.kind() == io::ErrorKind::NotFound && threads_left > 0 => threads_left -= 1,
            Err(e) => return Err(e.to_string()),
        }
    };
    let half = base.as_ptr().wrapping_add(len);
    let end = half.wrapping_add(len - COLOURS);
    // SAFETY: this is the upper half of the same mapping.
    let second = unsafe { make(half, end) }.map_err(|e| e.to_string())?;
    let taken = (half.addr() - first.as_ptr().addr()).max(end.addr() - second.as_ptr().addr());
    ROOM.store(taken.next_multiple_of(os::page_size()), Relaxed);
    // SAFETY: both identities were just made, and no other code knows of them.
    let (one, other) = unsafe {
        (
            thread_pointer(first.as_ptr()),
            thread_pointer(second.as_ptr()),
        )
    };
    let here = look();
    let there = look_under(one);
    // Look once more, to see whether the stored value is found again.
    let (again, elsewhere) = (look_under(one), look_under(other));
    let back = look();
    let expect = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    expect(
        there.thread_pointer == one,
        "the thread pointer cannot be set",
    )?;
    expect(
        back.thread_pointer == here.thread_pointer,
        "the thread pointer cannot be restored",
    )?;
    expect(
        there.seen == 0 && elsewhere.seen == 0,
        "a new block of thread-locals is not initialised",
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
    expect(fork::watch(), "libc refuses a handler for `fork`")?;
    if cfg!(target_env = "gnu") {
        setxid::handle_under_own_pointer();
    }
    Ok(())
}

/// What [`look`] finds on a thread, or under an identity.
#[derive(Clone, Copy)]
struct Seen {
    thread_pointer: *mut u8,
    /// How many times [`look`] had been called here before.
    seen: u32,
    errno: *mut libc::c_int,
    this: libc::pthread_t,
}

thread_local! {
    static LOOKED: Cell<u32> = const { Cell::new(0) };
}

/// Examines the current thread or identity. Not inlined: the thread-local's address must be
/// computed under the caller's thread pointer.
#[inline(never)]
fn look() -> Seen {
    let seen = LOOKED.get();
    LOOKED.set(seen + 1);
    // SAFETY: both functions only return values.
    let (errno, this) = unsafe { (libc::__errno_location(), libc::pthread_self()) };
    Seen {
        thread_pointer: arch::thread_pointer(),
        seen,
        errno,
        this,
    }
}

/// Calls [`look`] under the thread pointer `tp` of an identity that nothing uses.
fn look_under(tp: *mut u8) -> Seen {
    /// Stores the result of [`look`] at `place`.
    ///
    /// # Safety
    /// `place` has room for a `Seen`.
    unsafe extern "C" fn look_into(place: *mut u8) {
        // SAFETY: the caller says that `place` has room for a `Seen`.
        unsafe { place.cast::<Seen>().write(look()) };
    }
    let mut seen = MaybeUninit::<Seen>::uninit();
    // SAFETY: nothing uses the identity. `look_into` gets a place for a `Seen`, fills it, and does
    // not unwind.
    unsafe {
        arch::call_under(tp, arch::current_m(), look_into, seen.as_mut_ptr().cast());
        seen.assume_init()
    }
}
