//! The operating system: Linux.

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
        // A wait of 68 years and a wait without a limit are the same to a caller that checks its
        // word again afterwards.
        tv_sec: d.as_secs().try_into().unwrap_or(i32::MAX.into()),
        tv_nsec: d.subsec_nanos().into(),
    });
    let spec_ptr = spec.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `word` is a live, aligned u32, and `spec_ptr` is null or points to a timespec that
    // outlives the call. Every error (EAGAIN, EINTR, ETIMEDOUT) is a permitted early return.
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
    // SAFETY: FUTEX_WAKE uses the address only as a key and does not read it.
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
    // SAFETY: `spec` outlives the call, and the pointer for the remaining time may be null.
    unsafe { libc::nanosleep(&raw const spec, ptr::null_mut()) };
}

/// Returns the nanoseconds on CLOCK_MONOTONIC, the clock of `std::time::Instant`.
pub(crate) fn now_ns() -> u64 {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is a valid place to write to. The clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut ts) };
    ts.tv_sec.cast_unsigned() * 1_000_000_000 + ts.tv_nsec.cast_unsigned()
}

/// Returns nanoseconds on CLOCK_BOOTTIME, the clock that Perfetto uses.
pub(crate) fn boot_time_ns() -> u64 {
    clock_ns(libc::CLOCK_BOOTTIME)
}

/// Returns nanoseconds since 1970 on CLOCK_REALTIME.
pub(crate) fn real_time_ns() -> u64 {
    clock_ns(libc::CLOCK_REALTIME)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is a valid place to write to. If the kernel lacks the clock, `ts` stays 0.
    unsafe { libc::clock_gettime(clock, &raw mut ts) };
    ts.tv_sec.cast_unsigned() * 1_000_000_000 + ts.tv_nsec.cast_unsigned()
}

/// Registers `f` to be called when the process ends by `exit` or by the return of `main`.
pub(crate) fn at_exit(f: extern "C" fn()) {
    // SAFETY: `f` has no preconditions. If there is no memory for the entry, `f` is not called.
    unsafe { libc::atexit(f) };
}

/// Lowers the priority of the calling thread: another thread that wants the core gets it for nine
/// tenths of the time.
pub(crate) fn lower_priority() {
    // SAFETY: the call takes no pointers. Linux changes the calling thread only. If it refuses, the
    // thread keeps its priority.
    unsafe { libc::nice(10) };
}

/// Returns the calling thread's id.
pub(crate) fn thread_id() -> libc::pid_t {
    // musl's `gettid` would be wrong: it reads the control block, which may be a goroutine's.
    // SAFETY: gettid has no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as libc::pid_t }
}

/// Returns whether this process's thread `tid` runs or waits for a core, or `None` if `/proc` does
/// not say.
pub(crate) fn thread_wants_cpu(tid: libc::pid_t) -> Option<bool> {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).ok()?;
    // The thread's name, in parentheses, may contain anything.
    let (_, state) = stat.rsplit_once(") ")?;
    Some(state.starts_with('R'))
}

/// The value that stands for "no clock".
pub(crate) const NO_CLOCK: libc::clockid_t = -1;

/// Returns the clock of the calling thread's CPU time.
pub(crate) fn cpu_clock() -> libc::clockid_t {
    let mut clock = NO_CLOCK;
    // SAFETY: the calling thread exists, and `clock` is a valid place to write to. A failing call
    // leaves it alone.
    unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
    clock
}

/// Returns the nanoseconds of CPU time that the thread of `clock` has used, or 0 if there is no
/// such thread.
pub(crate) fn cpu_time_ns(clock: libc::clockid_t) -> u64 {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is a valid place to write to. The clock of a thread that does not exist is an
    // error.
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

/// Calls `f`. While it runs, this thread's sleeps end on time, and not up to 50 µs late. `f` must
/// not start threads: they would inherit that setting.
pub(crate) fn with_precise_timers<T>(f: impl FnOnce() -> T) -> T {
    set_timer_slack(1);
    let out = f();
    // 0 restores the thread's default.
    set_timer_slack(0);
    out
}

fn set_timer_slack(ns: libc::c_ulong) {
    // SAFETY: the call only sets a number of the calling thread.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, ns) };
}

/// Ends the process by SIGABRT.
pub(crate) fn abort() -> ! {
    // musl's `abort` sends the signal to the thread id in the control block. In a goroutine with
    // thread-locals of its own, no thread has that id.
    #[cfg(target_env = "musl")]
    // SAFETY: this sends a signal to the calling thread and takes no pointers.
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

/// Gives the kernel the same advice for each of the ranges, in order, with one system call. Returns
/// the number of bytes for which the kernel has followed the advice. They are fewer than all if the
/// kernel refuses a range, and 0 if it does not permit this call for the caller's own memory, or
/// does not have it (Linux has it since 6.15).
///
/// # Safety
/// It would be sound to give this advice for each of the ranges by `madvise`.
pub(crate) unsafe fn advise_all(ranges: &[libc::iovec], advice: libc::c_int) -> usize {
    /// The calling process, instead of a descriptor of it.
    const PIDFD_SELF: libc::c_int = -10_000;
    if cfg!(miri) {
        return 0;
    }
    // SAFETY: the kernel reads the ranges. What it does to the memory is what the caller answers
    // for.
    let done = unsafe {
        libc::syscall(
            libc::SYS_process_madvise,
            PIDFD_SELF,
            ranges.as_ptr(),
            ranges.len(),
            advice,
            0,
        )
    };
    usize::try_from(done).unwrap_or(0)
}

/// Uncommits the ranges. The kernel flushes the TLBs once for all of them.
///
/// # Safety
/// The contents are not needed: they read as zeros afterwards. The ranges are whole pages of
/// private anonymous mappings.
pub(crate) unsafe fn give_back_pages(ranges: &[libc::iovec]) {
    // SAFETY: the caller says that the contents are not needed.
    let mut done = unsafe { advise_all(ranges, libc::MADV_DONTNEED) };
    for range in ranges {
        if done < range.iov_len {
            // SAFETY: as above. If the kernel refuses, the pages stay committed.
            unsafe { libc::madvise(range.iov_base, range.iov_len, libc::MADV_DONTNEED) };
        }
        done = done.saturating_sub(range.iov_len);
    }
}

/// Asks the kernel for huge pages for a mapping.
pub(crate) fn prefer_huge_pages(start: std::ptr::NonNull<u8>, len: usize) {
    if !cfg!(miri) {
        // SAFETY: the call changes no contents. A refusal is harmless.
        unsafe { libc::madvise(start.as_ptr().cast(), len, libc::MADV_HUGEPAGE) };
    }
}

/// Zeroes `len` bytes from `start`, and gives their memory back to the kernel.
///
/// # Safety
/// The bytes are whole pages of an anonymous mapping of ours, and nothing uses them.
pub(crate) unsafe fn discard_pages(start: std::ptr::NonNull<u8>, len: usize) {
    // SAFETY: the caller says that these are whole pages of ours that nothing uses.
    unsafe {
        if cfg!(miri) || libc::madvise(start.as_ptr().cast(), len, libc::MADV_DONTNEED) != 0 {
            start.write_bytes(0, len);
        }
    }
}

/// The type of `getrlimit`'s first argument, on which the C libraries do not agree.
#[cfg(target_env = "musl")]
type Resource = libc::c_int;
#[cfg(not(target_env = "musl"))]
type Resource = libc::__rlimit_resource_t;

/// Returns the limit of the process for `resource`, if there is one.
pub(crate) fn limit(resource: Resource) -> Option<libc::rlim_t> {
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` is a valid place to write to.
    unsafe { libc::getrlimit(resource, &raw mut limit) };
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Returns the number of bytes in a page: 4, 16 or 64 KiB.
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf has no preconditions.
    let n = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // Linux tells every process its page size. If it did not, no size would be safe to assume.
    usize::try_from(n).unwrap_or_else(|_| abort())
}

const MEMBARRIER_CMD_PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

fn membarrier_command(command: libc::c_int) -> bool {
    if cfg!(miri) {
        return false;
    }
    // SAFETY: membarrier takes a command and flags, and accesses no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Prepares the process for [`membarrier`]. Returns `false` if the kernel refuses.
pub(crate) fn register_membarrier() -> bool {
    membarrier_command(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
        && membarrier_command(MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

/// Issues a full barrier on every running thread of the process. Returns `false` if the kernel
/// refuses.
pub(crate) fn membarrier() -> bool {
    membarrier_command(MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

/// Returns the number of threads of this process, or `None` if `/proc` does not say.
pub(crate) fn num_threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// Starts a thread that runs `f(arg)` with all signals blocked. Its stack is the `len` bytes from
/// `low`.
///
/// # Safety
/// - The caller gives the memory away: libc keeps data of the thread there until the thread is
///   joined.
/// - `f` may be called with `arg` on another thread.
pub(crate) unsafe fn start_thread_on(
    low: *mut u8,
    len: usize,
    f: extern "C" fn(*mut libc::c_void) -> *mut libc::c_void,
    arg: *mut libc::c_void,
) -> io::Result<()> {
    // SAFETY: all structures are ours, and the calls meant for that initialise them. The caller
    // gives the memory away and says that `f` may be called with `arg`.
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

/// Sleeps while `word` holds `expected`. For a word that the kernel clears at a thread's end
/// ([`clear_at_exit`]): unlike [`futex_wait`], this receives the kernel's wake-up, which is not for
/// private futexes. May return early.
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

/// Asks the kernel to store 0 in `word` and to wake one waiter when the calling thread ends. The
/// word must live until then.
pub(crate) fn clear_at_exit(word: &AtomicU32) {
    // SAFETY: the call only records the address. The caller says that the word lives until the
    // thread ends.
    unsafe { libc::syscall(libc::SYS_set_tid_address, word.as_ptr()) };
}

/// Ends the calling thread without telling libc.
///
/// # Safety
/// Nothing waits for the thread's end by libc's means, and nothing uses the data on its stack
/// again.
pub(crate) unsafe fn exit_thread() -> ! {
    loop {
        // SAFETY: the caller says that nothing waits for the thread's end by libc's means or uses
        // its stack again. The kernel does not return from the call.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
}

/// Revokes the calling thread's registration for restartable sequences, if libc has made one. `tp`
/// is the thread pointer.
pub(crate) fn unregister_rseq(tp: *mut u8) {
    const UNREGISTER: libc::c_int = 1;
    #[cfg(target_arch = "x86_64")]
    const SIGNATURE: u32 = 0x5305_3053;
    #[cfg(target_arch = "aarch64")]
    const SIGNATURE: u32 = 0xd428_bc00;
    /// The length that the kernel expects for the area, for its first version and for later ones.
    const LEN: libc::c_int = 32;
    static OFFSET: OnceLock<Option<isize>> = OnceLock::new();
    let offset = OFFSET.get_or_init(|| {
        // SAFETY: glibc 2.35 and later define this constant, which is a `ptrdiff_t`.
        unsafe {
            let at = libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr());
            at.cast::<isize>().as_ref().copied()
        }
    });
    if let Some(offset) = offset {
        // SAFETY: the kernel refuses an area that is not registered, and then changes nothing.
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

/// Replaces the handler of the signal by which libc makes all threads change their ids. If there is
/// such a handler, passes it to `keep` first.
pub(crate) fn replace_setxid_handler(handler: usize, keep: impl FnOnce(usize)) {
    const SIGSETXID: libc::c_int = 33;
    /// Bytes in the kernel's set of signals.
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
    // SAFETY: both structures have the layout that the kernel has on x86-64 and aarch64. libc has
    // installed its handler with `SA_SIGINFO`, and the new handler is of that kind.
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

/// Returns the name and version of the C library.
pub(crate) fn libc_version() -> String {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: the function returns a pointer to a constant text.
        let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
        format!("glibc {}", version.to_string_lossy())
    }
    #[cfg(target_env = "musl")]
    return "musl".to_owned();
    #[cfg(not(any(target_env = "gnu", target_env = "musl")))]
    "neither glibc nor musl".to_owned()
}

/// An integer with one bit for each signal that a set has room for.
pub(super) type SignalBits = u64;

/// Returns the address of this thread's `errno`.
pub(super) fn errno() -> *mut libc::c_int {
    // SAFETY: the function has no preconditions.
    unsafe { libc::__errno_location() }
}

/// Sends `signal` to the calling thread. A signal handler may call this. If the handler blocks the
/// signal, delivery waits until it returns.
pub(crate) fn raise_here(signal: libc::c_int) {
    // SAFETY: the calls take no pointers.
    unsafe {
        libc::syscall(
            libc::SYS_tgkill,
            libc::getpid(),
            libc::syscall(libc::SYS_gettid),
            signal,
        );
    }
}
