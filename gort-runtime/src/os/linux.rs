//! Linux.

#[cfg(target_env = "gnu")]
use std::ffi::CStr;
use std::io;
use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while `word` holds `expected`, for at most `timeout`.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let spec = timeout.map(|d| libc::timespec {
        // A wait of 68 years and one of for ever are the same to a caller
        // that looks at its word again afterwards.
        tv_sec: d.as_secs().try_into().unwrap_or(i32::MAX.into()),
        tv_nsec: d.subsec_nanos().into(),
    });
    let spec_ptr = spec.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `word` is a live, aligned u32 and `spec_ptr` is null or points
    // to a timespec that outlives the call. Every error (EAGAIN, EINTR,
    // ETIMEDOUT) is a permitted early return.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            spec_ptr,
        );
    }
}

/// Wakes one thread that sleeps on `word`'s address.
pub(crate) fn futex_wake_one(word: *const AtomicU32) {
    // SAFETY: FUTEX_WAKE only uses the address as a key; it does not read it.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word,
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            1,
        );
    }
}

/// Sleeps for `time`, or until a signal comes.
pub(crate) fn nap(time: Duration) {
    let spec = libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(i32::MAX.into()),
        tv_nsec: time.subsec_nanos().into(),
    };
    // SAFETY: `spec` outlives the call, and nobody asks for the rest.
    unsafe { libc::nanosleep(&raw const spec, ptr::null_mut()) };
}

/// Nanoseconds on CLOCK_MONOTONIC, the clock of `std::time::Instant`.
pub(crate) fn now_ns() -> u64 {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is a valid place to write to; the clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut ts) };
    ts.tv_sec.cast_unsigned() * 1_000_000_000 + ts.tv_nsec.cast_unsigned()
}

/// Returns nanoseconds on CLOCK_BOOTTIME, by which Perfetto goes.
pub(crate) fn boot_time_ns() -> u64 {
    clock_ns(libc::CLOCK_BOOTTIME)
}

/// Returns nanoseconds since 1970.
pub(crate) fn real_time_ns() -> u64 {
    clock_ns(libc::CLOCK_REALTIME)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is a valid place to write to; a clock that the kernel does not have leaves 0.
    unsafe { libc::clock_gettime(clock, &raw mut ts) };
    ts.tv_sec.cast_unsigned() * 1_000_000_000 + ts.tv_nsec.cast_unsigned()
}

/// Has `f` called when the process ends by `exit` or the return of `main`.
pub(crate) fn at_exit(f: extern "C" fn()) {
    // SAFETY: `f` has no preconditions. Without memory for the entry it is not called.
    unsafe { libc::atexit(f) };
}

/// The calling thread's id.
pub(crate) fn thread_id() -> libc::pid_t {
    // Not musl's function: it asks the control block, which may be a goroutine's.
    // SAFETY: gettid has no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as libc::pid_t }
}

/// Whether this process' thread `tid` runs or waits for a core; `None` if `/proc` cannot tell.
pub(crate) fn thread_wants_cpu(tid: libc::pid_t) -> Option<bool> {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).ok()?;
    // The name, in parentheses, may contain anything.
    let (_, state) = stat.rsplit_once(") ")?;
    Some(state.starts_with('R'))
}

/// No thread's clock.
pub(crate) const NO_CLOCK: libc::clockid_t = -1;

/// The clock of the calling thread's CPU time.
pub(crate) fn cpu_clock() -> libc::clockid_t {
    let mut clock = NO_CLOCK;
    // SAFETY: the calling thread exists, and `clock` is a valid place to write to. On
    // failure it is left alone.
    unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
    clock
}

/// CPU time in nanoseconds that the thread of `clock` has used; 0 if there is none.
pub(crate) fn cpu_time_ns(clock: libc::clockid_t) -> u64 {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is a valid place to write to; a clock of no thread is an error.
    if unsafe { libc::clock_gettime(clock, &raw mut ts) } != 0 {
        return 0;
    }
    ts.tv_sec.cast_unsigned() * 1_000_000_000 + ts.tv_nsec.cast_unsigned()
}

/// Writes all of `bytes` to standard error, ignoring errors.
pub(crate) fn write_stderr(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: the pointer and length describe a live slice.
        let n = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(n) {
            Ok(n) if n > 0 => bytes = &bytes[n..],
            _ => return,
        }
    }
}

/// Calls `f` with this thread's sleeps ending when they should, not up to 50 µs later. Threads
/// must not be started in it: they would inherit that.
pub(crate) fn with_precise_timers<T>(f: impl FnOnce() -> T) -> T {
    set_timer_slack(1);
    let out = f();
    // The thread's default.
    set_timer_slack(0);
    out
}

fn set_timer_slack(ns: libc::c_ulong) {
    // SAFETY: sets a number of the calling thread.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, ns) };
}

/// Ends the process by SIGABRT.
pub(crate) fn abort() -> ! {
    // musl's sends the signal to the thread id in the control block, which is none in a goroutine with thread-locals
    // of its own.
    #[cfg(target_env = "musl")]
    // SAFETY: a signal to the calling thread.
    unsafe {
        libc::syscall(libc::SYS_tgkill, libc::getpid(), thread_id(), libc::SIGABRT)
    };
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}

/// Ends the process at once, without running exit handlers.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(status) }
}

/// Uncommits the pages of a stack if one of them is committed, or if there are too many to look.
///
/// Any may be: C functions leave out pages of their frames.
///
/// # Safety
/// What they hold is not needed: they read as zeros afterwards. Both are multiples of a
/// page, of a private anonymous mapping.
pub(crate) unsafe fn give_back_pages(start: std::ptr::NonNull<u8>, len: usize) {
    // Those of a goroutine's default stack.
    let mut resident = [0_u8; 64];
    let addr = start.as_ptr().cast();
    let untouched = len / page_size() <= resident.len()
        // SAFETY: `resident` has a byte for each page (looked at just before); `addr` begins one (caller's clause).
        && unsafe { libc::mincore(addr, len, resident.as_mut_ptr()) } == 0
        && resident.iter().all(|page| page & 1 == 0);
    if !untouched {
        // SAFETY: caller's clause: whole pages of an anonymous mapping, whose contents nobody needs. A refusal leaves
        // them committed.
        unsafe { libc::madvise(addr, len, libc::MADV_DONTNEED) };
    }
}

/// Asks for huge pages for a mapping, where the kernel gives them.
pub(crate) fn prefer_huge_pages(start: std::ptr::NonNull<u8>, len: usize) {
    if !cfg!(miri) {
        // SAFETY: changes no contents. A refusal is harmless.
        unsafe { libc::madvise(start.as_ptr().cast(), len, libc::MADV_HUGEPAGE) };
    }
}

/// Makes `len` bytes from `start` zeros, and gives back their memory.
///
/// # Safety
/// They are whole pages of an anonymous mapping of ours that nobody uses.
pub(crate) unsafe fn discard_pages(start: std::ptr::NonNull<u8>, len: usize) {
    // SAFETY: caller's clause: whole pages of ours, unused.
    unsafe {
        if cfg!(miri) || libc::madvise(start.as_ptr().cast(), len, libc::MADV_DONTNEED) != 0 {
            start.write_bytes(0, len);
        }
    }
}

/// The C libraries do not agree on the type of this number.
#[cfg(target_env = "musl")]
type Resource = libc::c_int;
#[cfg(not(target_env = "musl"))]
type Resource = libc::__rlimit_resource_t;

/// What the process may have of `resource`, if there is a limit.
pub(crate) fn limit(resource: Resource) -> Option<libc::rlim_t> {
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` is a valid place to write to.
    unsafe { libc::getrlimit(resource, &raw mut limit) };
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Bytes in a page: 4, 16 or 64 KiB.
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf has no preconditions.
    let n = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // No size would be safe to assume; Linux tells every process.
    usize::try_from(n).unwrap_or_else(|_| abort())
}

const MEMBARRIER_CMD_PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

fn membarrier_command(command: libc::c_int) -> bool {
    if cfg!(miri) {
        return false;
    }
    // SAFETY: membarrier takes a command and flags, and touches no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Prepares the process for [`membarrier`]; false if the kernel refuses.
pub(crate) fn register_membarrier() -> bool {
    membarrier_command(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
        && membarrier_command(MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

/// A full barrier on every running thread of the process; false if the kernel refuses.
pub(crate) fn membarrier() -> bool {
    membarrier_command(MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

/// Threads of this process; `None` if `/proc` cannot tell.
pub(crate) fn num_threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// Starts a thread that runs `f(arg)` on the `len` bytes from `low` as its stack, with all signals blocked.
///
/// # Safety
/// - The memory is given away: libc keeps what the thread needs there until the thread is joined.
/// - `f` may be called with `arg` on another thread.
pub(crate) unsafe fn start_thread_on(
    low: *mut u8,
    len: usize,
    f: extern "C" fn(*mut libc::c_void) -> *mut libc::c_void,
    arg: *mut libc::c_void,
) -> io::Result<()> {
    // SAFETY: all structures are ours, and initialised by the calls that are there for it; caller's clauses.
    unsafe {
        let mut attr: libc::pthread_attr_t = mem::zeroed();
        let mut all: libc::sigset_t = mem::zeroed();
        let mut before: libc::sigset_t = mem::zeroed();
        let mut thread: libc::pthread_t = mem::zeroed();
        libc::pthread_attr_init(&raw mut attr);
        let mut error = libc::pthread_attr_setstack(&raw mut attr, low.cast(), len);
        if error == 0 {
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            error = libc::pthread_create(&raw mut thread, &raw const attr, f, arg);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        }
        libc::pthread_attr_destroy(&raw mut attr);
        match error {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Sleeps while `word` holds `expected`; for a word that the kernel clears at a thread's end. May return early.
pub(crate) fn futex_wait_shared(word: &AtomicU32, expected: u32) {
    // SAFETY: `word` is a live, aligned u32.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            expected,
            ptr::null::<libc::timespec>(),
        );
    }
}

/// When the calling thread ends the kernel stores 0 in `word` and wakes whoever waits for that. The word must be
/// there until then.
pub(crate) fn clear_at_exit(word: &AtomicU32) {
    // SAFETY: only the address is kept; that it is good is the caller's word.
    unsafe { libc::syscall(libc::SYS_set_tid_address, word.as_ptr()) };
}

/// Ends the calling thread without libc's knowing.
///
/// # Safety
/// Nobody waits by libc's means for the thread to end, and what is on its stack is not used again.
pub(crate) unsafe fn exit_thread() -> ! {
    loop {
        // SAFETY: caller's clauses; the kernel does not come back.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
}

/// Takes back the registration of the calling thread, whose thread pointer is `tp`, for restartable sequences, if
/// libc has made one.
pub(crate) fn unregister_rseq(tp: *mut u8) {
    const UNREGISTER: libc::c_int = 1;
    #[cfg(target_arch = "x86_64")]
    const SIGNATURE: u32 = 0x5305_3053;
    #[cfg(target_arch = "aarch64")]
    const SIGNATURE: u32 = 0xd428_bc00;
    /// The kernel's name for the length of the area, of the first version and of the later ones.
    const LEN: libc::c_int = 32;
    static OFFSET: OnceLock<Option<isize>> = OnceLock::new();
    let offset = OFFSET.get_or_init(|| {
        // SAFETY: glibc from 2.35 on has this constant, a `ptrdiff_t`.
        unsafe {
            let at = libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr());
            at.cast::<isize>().as_ref().copied()
        }
    });
    if let Some(offset) = offset {
        // SAFETY: an area that is not registered is an error, which changes nothing.
        unsafe {
            libc::syscall(
                libc::SYS_rseq,
                tp.wrapping_offset(*offset),
                LEN,
                UNREGISTER,
                SIGNATURE,
            )
        };
    }
}

/// Replaces the handler of the signal by which libc has all threads change their ids, if there is one, which
/// `keep` gets before.
pub(crate) fn replace_setxid_handler(handler: usize, keep: impl FnOnce(usize)) {
    const SIGSETXID: libc::c_int = 33;
    /// Bytes of the kernel's set of signals.
    const SET: usize = 8;
    #[repr(C)]
    #[derive(Default)]
    struct KernelSigaction {
        handler: usize,
        flags: libc::c_ulong,
        restorer: usize,
        mask: u64,
    }
    let mut present = KernelSigaction::default();
    // SAFETY: both structures are laid out as the kernel has them on x86-64 and aarch64. The handler is one for
    // `SA_SIGINFO`, with which libc has installed its own.
    unsafe {
        let none = ptr::null::<KernelSigaction>();
        let asked = libc::syscall(
            libc::SYS_rt_sigaction,
            SIGSETXID,
            none,
            &raw mut present,
            SET,
        );
        if asked != 0 || [libc::SIG_DFL, libc::SIG_IGN].contains(&present.handler) {
            return;
        }
        keep(present.handler);
        present.handler = handler;
        libc::syscall(
            libc::SYS_rt_sigaction,
            SIGSETXID,
            &raw const present,
            ptr::null_mut::<KernelSigaction>(),
            SET,
        );
    }
}

/// Name and version of the C library.
pub(crate) fn libc_version() -> String {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: a constant text.
        let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
        format!("glibc {}", version.to_string_lossy())
    }
    #[cfg(target_env = "musl")]
    return "musl".to_owned();
    #[cfg(not(any(target_env = "gnu", target_env = "musl")))]
    "neither glibc nor musl".to_owned()
}

/// Signals that a set has room for.
pub(super) type SignalBits = u64;

/// The address of this thread's `errno`.
pub(super) fn errno() -> *mut libc::c_int {
    // SAFETY: no preconditions.
    unsafe { libc::__errno_location() }
}

/// Sends `signal` to the calling thread. May be called in a signal handler: while that blocks the signal it waits.
pub(crate) fn raise_here(signal: libc::c_int) {
    // SAFETY: no pointers.
    unsafe {
        libc::syscall(
            libc::SYS_tgkill,
            libc::getpid(),
            libc::syscall(libc::SYS_gettid),
            signal,
        );
    }
}
