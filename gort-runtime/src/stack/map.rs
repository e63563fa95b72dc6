//! Regions of address space, and guards.
//!
//! A region is mapped once, readable and writable, without reserving memory for it and without huge
//! pages (a huge page would commit 2 MiB for one goroutine).
//!
//! If address space were mapped unwritable at first, it would count for less. It would not count
//! against `ulimit -d`, nor if the sysctl `vm.overcommit_memory` is 2, and `mlockall(MCL_FUTURE)`
//! would leave it alone. (That call commits a region as a whole; `MCL_ONFAULT` does not.) But then
//! carving each stack would take one more system call, and a goroutine that has already been
//! started could fail to get a stack, whereas a spawn can report an error. Therefore a region
//! counts as a whole, and if the system refuses it, [`map_slots`] tries a smaller one.
//!
//! Guards: Linux 6.13 has `MADV_GUARD_INSTALL`, which marks pages without a mapping of their own,
//! so a million guarded stacks fit under the default `vm.max_map_count`. qemu-user reports success
//! for this call and installs nothing. The first use is therefore tested: a system call that reads
//! a guarded page must fail with EFAULT. Otherwise guards are made by `mprotect`, which needs two
//! mappings for each stack. The same is done for each guard that the kernel refuses later, because
//! pages in locked memory (`mlockall`) cannot be marked. Some of the mappings that the kernel
//! allows a process are left for the rest of the program: without any, no thread can be started and
//! `malloc` fails.
//!
//! Guards of several slots are marked by one `process_madvise`, if the kernel allows that for the
//! caller's own memory (since Linux 6.15) and no filter of system calls refuses it. Otherwise they
//! are marked one by one, which takes a fifth longer.

use crate::base::prim::{AtomicUsize, Ordering::Relaxed};
use crate::os;
use std::array;
use std::fs;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

const MADV_GUARD_INSTALL: libc::c_int = 102;

/// Maximum number of guards that are installed in one system call.
const TOGETHER: usize = 32;

/// Number of mappings that guards leave for the rest of the process.
const MAPPINGS_LEFT: usize = 4096;
/// Bytes of address space that slots leave for the rest of the process. They are enough for a dozen
/// threads with 2 MiB each.
const BYTES_LEFT: usize = 32 << 20;
/// Number of guards made by `mprotect`.
static MPROTECTED: AtomicUsize = AtomicUsize::new(0);

/// The way in which guards are made on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuardKind {
    /// `MADV_GUARD_INSTALL`.
    Madvise,
    /// `mprotect(PROT_NONE)`.
    Mprotect,
}

/// Maps room for `most` slots of `stride` bytes. If the system refuses, tries half as many, and so
/// on. Returns the number of slots.
///
/// Some address space is left for the rest of the process: without any, no thread can be started
/// and `malloc` fails. If `first` is set, the space that is left is no larger than the slots, and
/// the last attempt, for one slot, leaves none.
pub(crate) fn map_slots(
    most: usize,
    stride: usize,
    first: bool,
) -> io::Result<(NonNull<u8>, usize)> {
    let mut slots = most;
    loop {
        let len = slots * stride;
        let leave = if first { len } else { BYTES_LEFT };
        match map_and_leave(len, leave.min(BYTES_LEFT)) {
            Ok(base) => return Ok((base, slots)),
            Err(_) if slots > 1 => slots /= 2,
            Err(_) if first => return Ok((map_region(stride)?, 1)),
            Err(e) => return Err(e),
        }
    }
}

/// Maps `len` bytes if `leave` more bytes are available. Both are whole pages.
fn map_and_leave(len: usize, leave: usize) -> io::Result<NonNull<u8>> {
    if cfg!(miri) {
        return map_region(len);
    }
    let base = map_region(len + leave)?;
    // SAFETY: this is the end of a mapping of ours, which nothing has used.
    unsafe { unmap_region(base.add(len), leave) };
    Ok(base)
}

/// Maps `len` bytes of address space.
pub(crate) fn map_region(len: usize) -> io::Result<NonNull<u8>> {
    #[cfg(miri)]
    {
        let layout = std::alloc::Layout::from_size_align(len, 1 << 16).map_err(io::Error::other)?;
        // SAFETY: `len` is not 0.
        return NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into());
    }
    #[cfg(not(miri))]
    map_anonymous(len)
}

#[cfg(not(miri))]
fn map_anonymous(len: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: a fresh anonymous mapping does not affect other memory.
    let addr = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if addr == libc::MAP_FAILED {
        let cause = io::Error::last_os_error();
        return Err(io::Error::new(
            cause.kind(),
            format!(
                "cannot reserve {len} bytes of address space for goroutines ({cause}); \
                 raise {} or spawn with smaller stacks",
                limits(&cause)
            ),
        ));
    }
    // SAFETY: the mapping is ours. A refusal (a kernel without THP) is harmless.
    unsafe { libc::madvise(addr, len, libc::MADV_NOHUGEPAGE) };
    NonNull::new(addr.cast()).ok_or_else(|| io::Error::other("mmap returned null"))
}

/// Returns the limits that probably caused the error `cause` of the kernel, for a message.
#[cfg(not(miri))]
fn limits(cause: &io::Error) -> String {
    let likely: &[_] = match cause.raw_os_error() {
        // `mlockall` is in force, and locked memory has its own limit.
        Some(libc::EAGAIN) => &[(libc::RLIMIT_MEMLOCK, 'l')],
        _ => &[(libc::RLIMIT_AS, 'v'), (libc::RLIMIT_DATA, 'd')],
    };
    let limits: Vec<_> = likely
        .iter()
        .filter_map(|&(resource, letter)| {
            let kib = os::limit(resource)? / 1024;
            Some(format!("`ulimit -{letter}` (now {kib} KiB)"))
        })
        .collect();
    if limits.is_empty() {
        "`ulimit -v`".to_owned()
    } else {
        limits.join(" or ")
    }
}

/// Unmaps `len` bytes of a region.
///
/// # Safety
/// The bytes are whole pages of a mapping that `map_region` made. Nothing uses them, now or later.
pub(super) unsafe fn unmap_region(region: NonNull<u8>, len: usize) {
    // SAFETY: the caller says that these are pages of a mapping of ours that nothing uses. A
    // refusal leaves them mapped.
    unsafe { libc::munmap(region.as_ptr().cast(), len) };
}

/// Makes `len` bytes from `start` a guard. After an error the caller may try again.
///
/// # Safety
/// The bytes are whole pages of a region of ours that nothing uses.
pub(super) unsafe fn install_guard(start: NonNull<u8>, len: usize) -> io::Result<()> {
    let mut kind = guard_kind();
    loop {
        // SAFETY: the caller says that these are whole pages of a region of ours that nothing uses.
        match unsafe { install(kind, start, len) } {
            Err(e) if kind == GuardKind::Madvise && e.kind() != io::ErrorKind::OutOfMemory => {
                kind = GuardKind::Mprotect;
            }
            ended => return ended,
        }
    }
}

/// Makes the first `len` bytes of slots a guard, for up to `n` slots. They are `stride` bytes
/// apart, and the first begins at `start`. Returns how many have a guard now: at least the first.
///
/// # Safety
/// The bytes are whole pages of a region of ours that nothing uses.
pub(super) unsafe fn install_guards(
    start: NonNull<u8>,
    stride: usize,
    n: usize,
    len: usize,
) -> io::Result<usize> {
    let guards: [_; TOGETHER] = array::from_fn(|i| libc::iovec {
        iov_base: start.as_ptr().wrapping_add(i * stride).cast(),
        iov_len: len,
    });
    let n = n.min(TOGETHER);
    if n > 1 && guard_kind() == GuardKind::Madvise {
        // SAFETY: the caller says that the pages are ours and unused. So their contents are not
        // needed.
        let done = unsafe { os::advise_all(&guards[..n], MADV_GUARD_INSTALL) } / len;
        if done != 0 {
            return Ok(done);
        }
    }
    for i in 0..n {
        // SAFETY: the caller says that the guards are whole pages of a region of ours that nothing
        // uses. So the slots lie in that region.
        let made = unsafe { install_guard(start.add(i * stride), len) };
        if let Err(e) = made {
            return if i == 0 { Err(e) } else { Ok(i) };
        }
    }
    Ok(n)
}

/// Makes `len` bytes from `start` a guard of this kind.
///
/// # Safety
/// The contract is that of [`install_guard`].
unsafe fn install(kind: GuardKind, start: NonNull<u8>, len: usize) -> io::Result<()> {
    let addr = start.as_ptr().cast();
    if kind == GuardKind::Mprotect
        && 2 * MPROTECTED.fetch_add(1, Relaxed)
            > max_mappings() - MAPPINGS_LEFT.min(max_mappings() / 2)
    {
        MPROTECTED.fetch_sub(1, Relaxed);
        return Err(too_many_mappings());
    }
    // SAFETY: the caller says that the pages are ours and unused, so their contents are not needed.
    let failed = unsafe {
        match kind {
            GuardKind::Madvise => libc::madvise(addr, len, MADV_GUARD_INSTALL),
            GuardKind::Mprotect => libc::mprotect(addr, len, libc::PROT_NONE),
        }
    } != 0;
    if !failed {
        return Ok(());
    }
    let cause = io::Error::last_os_error();
    if cause.raw_os_error() == Some(libc::ENOMEM) && kind == GuardKind::Mprotect {
        return Err(too_many_mappings());
    }
    Err(cause)
}

fn too_many_mappings() -> io::Error {
    io::Error::new(
        io::ErrorKind::OutOfMemory,
        "too many memory mappings for another guarded stack; raise the sysctl \
         `vm.max_map_count` (each stack needs two) or use Linux 6.13 or later (none)",
    )
}

/// Returns the number of mappings that the kernel allows, or `usize::MAX` if the kernel does not
/// say.
fn max_mappings() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(|| {
        let text = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
        text.trim().parse().unwrap_or(usize::MAX)
    })
}

/// Returns the kind of guard that works on this machine. Tested once.
pub(super) fn guard_kind() -> GuardKind {
    static KIND: OnceLock<GuardKind> = OnceLock::new();
    *KIND.get_or_init(|| {
        let forced = crate::base::debug::options().mprotect_guards;
        if !forced && madvise_guards_work() {
            GuardKind::Madvise
        } else {
            GuardKind::Mprotect
        }
    })
}

/// Tests `MADV_GUARD_INSTALL`: installs a guard on a page, and makes the kernel read that page.
fn madvise_guards_work() -> bool {
    let len = os::page_size();
    let Ok(page) = map_region(len) else {
        return false;
    };
    // SAFETY: the page is ours, and nothing else uses it before it is unmapped.
    unsafe {
        let works = install(GuardKind::Madvise, page, len).is_ok()
            && kernel_reads(page.as_ptr()) == Some(false);
        unmap_region(page, len);
        works
    }
}

/// Returns whether the kernel can read the byte at `addr`, which may be any address. Returns `None`
/// if no pipe can be created to write the byte into.
pub(super) fn kernel_reads(addr: *const u8) -> Option<bool> {
    let mut pipe = [0; 2];
    // SAFETY: `pipe` has room for two descriptors, and each is closed once. The kernel checks the
    // address.
    unsafe {
        if libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) != 0 {
            return None;
        }
        let n = libc::write(pipe[1], addr.cast(), 1);
        let refused = n == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT);
        libc::close(pipe[0]);
        libc::close(pipe[1]);
        Some(!refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_of_either_kind_makes_the_kernel_refuse_each_of_its_pages_and_no_other() {
        let kinds: &[GuardKind] = if madvise_guards_work() {
            &[GuardKind::Madvise, GuardKind::Mprotect]
        } else {
            &[GuardKind::Mprotect]
        };
        let page = os::page_size();
        for &kind in kinds {
            let region = map_region(6 * page).expect("six pages");
            // SAFETY: the pages are ours, and nothing uses them.
            unsafe { install(kind, region.add(page), 4 * page).expect("a guard") };
            let reads = |at| kernel_reads(region.as_ptr().wrapping_add(at)).expect("a pipe");
            for at in [page, 2 * page - 1, 3 * page, 5 * page - 1] {
                assert!(!reads(at), "{kind:?}: {at}");
            }
            for at in [0, page - 1, 5 * page, 6 * page - 1] {
                assert!(reads(at), "{kind:?}: {at}");
            }
            // SAFETY: nothing uses the region.
            unsafe { unmap_region(region, 6 * page) };
        }
    }

    #[test]
    fn of_slots_side_by_side_each_gets_a_guard_at_its_beginning() {
        const SLOTS: usize = TOGETHER + 3;
        let page = os::page_size();
        let region = map_region(3 * SLOTS * page).expect("address space");
        let mut done = 0;
        while done < SLOTS {
            // SAFETY: the pages are ours, and nothing uses them.
            let made = unsafe {
                let start = region.add(3 * done * page);
                install_guards(start, 3 * page, SLOTS - done, 2 * page).expect("guards")
            };
            assert!((1..=SLOTS - done).contains(&made));
            done += made;
            for i in 0..3 * SLOTS {
                let is_guard = i < 3 * done && i % 3 != 2;
                let reads = kernel_reads(region.as_ptr().wrapping_add(i * page));
                assert_eq!(reads, Some(!is_guard), "page {i}, after {done} slots");
            }
        }
        // SAFETY: nothing uses the region.
        unsafe { unmap_region(region, 3 * SLOTS * page) };
    }
}
