//! What the kernel knows of this process.

use std::fs;
use std::mem::MaybeUninit;
use std::time::Duration;

/// Memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident memory now.
    pub resident: u64,
    /// Maximum of resident memory so far.
    pub peak: u64,
    /// Page tables.
    pub page_tables: u64,
}

/// Returns the memory of this process.
pub fn memory() -> Memory {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |key| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    };
    Memory {
        resident: bytes("VmRSS:"),
        peak: bytes("VmHWM:"),
        page_tables: bytes("VmPTE:"),
    }
}

/// Returns the CPU time that this process has used.
pub fn cpu_time() -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `getrusage` writes a whole `rusage`, and zeros are valid for it, too.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// The descriptor of the pipe from which [`read_byte`] reads.
///
/// It is not standard input, because std polls that before `main`. Once a pipe has been polled,
/// Linux wakes a reader for each write, even if the pipe is not empty. Then the writer, not the
/// program, decides how long a byte takes.
const PIPE: libc::c_int = 3;

/// Reads a byte from descriptor 3 with one system call, which blocks until there is a byte.
#[inline(never)]
pub fn read_byte() -> bool {
    let mut byte = 0_u8;
    // SAFETY: the call writes one byte to a local.
    unsafe { libc::read(PIPE, (&raw mut byte).cast(), 1) == 1 }
}

/// Allows this process `n` descriptors if the system permits. If it does not, opening too many
/// fails later.
pub fn allow_descriptors(n: u64) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid for reads and writes.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && limit.rlim_cur < n {
            limit.rlim_cur = n.min(limit.rlim_max);
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}
