//! The operating system: macOS, where goroutines are threads.

pub(crate) use super::parking::{futex_wait, futex_wake_one};

/// Returns the nanoseconds on the clock of `std::time::Instant`.
pub(crate) fn now_ns() -> u64 {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is a valid place to write to. The clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_UPTIME_RAW, &raw mut ts) };
    ts.tv_sec.cast_unsigned() * 1_000_000_000 + ts.tv_nsec.cast_unsigned()
}

/// Sleeps for `time`, or until the thread receives a signal.
pub(crate) fn nap(time: std::time::Duration) {
    let spec = libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(i32::MAX.into()),
        tv_nsec: time.subsec_nanos().into(),
    };
    // SAFETY: `spec` outlives the call, and the remaining time is not asked for.
    unsafe { libc::nanosleep(&raw const spec, std::ptr::null_mut()) };
}

/// Returns some time in nanoseconds. Only traces use it, and they are not written on this system.
pub(crate) fn boot_time_ns() -> u64 {
    now_ns()
}

/// Returns 0. Only traces use it, and they are not written on this system.
pub(crate) fn real_time_ns() -> u64 {
    0
}

/// Registers `f` to be called when the process ends by `exit` or by the return of `main`.
pub(crate) fn at_exit(f: extern "C" fn()) {
    // SAFETY: `f` has no preconditions. If there is no memory for the entry, `f` is not called.
    unsafe { libc::atexit(f) };
}

/// The value that stands for "no clock". There are no other values here.
pub(crate) const NO_CLOCK: i32 = -1;

/// Returns 0: no code asks for a thread's CPU time on macOS.
pub(crate) fn cpu_time_ns(_clock: i32) -> u64 {
    0
}

/// Does nothing: the thread that would call this does not exist here (`perfetto/session.rs`).
pub(crate) const fn lower_priority() {}

/// Returns the calling thread's id.
pub(crate) fn thread_id() -> i32 {
    // SAFETY: the calls take no pointers. The kernel's name of the thread serves as its id.
    unsafe { libc::pthread_mach_thread_np(libc::pthread_self()) as i32 }
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

/// Ends the process by SIGABRT.
pub(crate) fn abort() -> ! {
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}

/// Ends the process at once, without running exit handlers.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(status) }
}

/// Returns the number of threads of this process, or `None` if the kernel does not report it.
pub(crate) fn num_threads() -> Option<usize> {
    // SAFETY: the structure is ours, zeros are a valid value of it, and `len` is its size.
    let info = unsafe {
        let mut info: libc::proc_taskinfo = std::mem::zeroed();
        let len = size_of::<libc::proc_taskinfo>() as libc::c_int;
        let filled = libc::proc_pidinfo(
            libc::getpid(),
            libc::PROC_PIDTASKINFO,
            0,
            (&raw mut info).cast(),
            len,
        );
        (filled == len).then_some(info)
    };
    usize::try_from(info?.pti_threadnum).ok()
}

/// Returns `false`: macOS has no such system call.
pub(crate) fn register_membarrier() -> bool {
    false
}

/// Returns `false`: macOS has no such system call.
pub(crate) fn membarrier() -> bool {
    false
}

/// An integer with one bit for each signal that a set has room for.
pub(super) type SignalBits = u32;

/// Returns the address of this thread's `errno`.
pub(super) fn errno() -> *mut libc::c_int {
    // SAFETY: the function has no preconditions.
    unsafe { libc::__error() }
}

/// Sends `signal` to the calling thread. A signal handler may call this. If the handler blocks the
/// signal, delivery waits until it returns.
pub(crate) fn raise_here(signal: libc::c_int) {
    // SAFETY: the calling thread exists.
    unsafe { libc::pthread_kill(libc::pthread_self(), signal) };
}
