//! Regions of address space and guard pages.
//!
//! A region is mapped once, readable and writable, without reserving memory for
//! it and without huge pages (a huge page would commit 2 MiB for one goroutine).
//!
//! Guards: Linux 6.13 has `MADV_GUARD_INSTALL`, which marks pages without a
//! mapping of their own, so a million guarded stacks fit under the default
//! `vm.max_map_count`. qemu-user answers success to it and installs nothing, so
//! the first use is probed: a system call that reads a guarded page must fail
//! with EFAULT. Otherwise guards are `mprotect`, two mappings a stack.

use crate::os;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

const MADV_GUARD_INSTALL: libc::c_int = 102;

/// How guard pages are made on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuardKind {
    /// `MADV_GUARD_INSTALL`.
    Madvise,
    /// `mprotect(PROT_NONE)`.
    Mprotect,
}

/// Maps `len` bytes of address space.
pub(super) fn map_region(len: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: a fresh anonymous mapping disturbs nothing.
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
                "cannot reserve {len} bytes of address space for goroutine stacks ({cause}); \
                 raise `ulimit -v` or spawn with smaller stacks"
            ),
        ));
    }
    // SAFETY: the mapping is ours; a refusal (kernel without THP) is harmless.
    unsafe { libc::madvise(addr, len, libc::MADV_NOHUGEPAGE) };
    NonNull::new(addr.cast()).ok_or_else(|| io::Error::other("mmap returned null"))
}

/// Makes the page at `page` a guard.
///
/// # Safety
/// `page` is the start of a page of a region of ours that nobody uses.
pub(super) unsafe fn install_guard(page: NonNull<u8>) -> io::Result<()> {
    // SAFETY: caller's clause.
    unsafe { install(guard_kind(), page) }
}

/// # Safety
/// As for [`install_guard`].
unsafe fn install(kind: GuardKind, page: NonNull<u8>) -> io::Result<()> {
    let len = os::page_size();
    // SAFETY: caller's clause: the page is ours and unused.
    let failed = unsafe {
        match kind {
            GuardKind::Madvise => libc::madvise(page.as_ptr().cast(), len, MADV_GUARD_INSTALL),
            GuardKind::Mprotect => libc::mprotect(page.as_ptr().cast(), len, libc::PROT_NONE),
        }
    } != 0;
    if !failed {
        return Ok(());
    }
    let cause = io::Error::last_os_error();
    if cause.raw_os_error() == Some(libc::ENOMEM) && kind == GuardKind::Mprotect {
        return Err(io::Error::new(
            io::ErrorKind::OutOfMemory,
            "too many memory mappings for another guarded stack; raise the sysctl \
             `vm.max_map_count` (each stack needs two) or use Linux 6.13 or later (none)",
        ));
    }
    Err(cause)
}

/// The kind of guard that works here, found out once.
pub(super) fn guard_kind() -> GuardKind {
    static KIND: OnceLock<GuardKind> = OnceLock::new();
    *KIND.get_or_init(|| {
        let forced = crate::debug::options().mprotect_guards;
        if !forced && madvise_guards_work() {
            GuardKind::Madvise
        } else {
            GuardKind::Mprotect
        }
    })
}

/// Installs a guard on a page of its own and has the kernel read that page.
fn madvise_guards_work() -> bool {
    let len = os::page_size();
    let Ok(page) = map_region(len) else {
        return false;
    };
    let mut pipe = [0; 2];
    // SAFETY: the page is ours and unused until it is unmapped below; `pipe` has
    // room for two descriptors, which are closed once.
    unsafe {
        let mut works = false;
        if install(GuardKind::Madvise, page).is_ok()
            && libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) == 0
        {
            works = libc::write(pipe[1], page.as_ptr().cast(), 1) == -1
                && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT);
            libc::close(pipe[0]);
            libc::close(pipe[1]);
        }
        libc::munmap(page.as_ptr().cast(), len);
        works
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_of_either_kind_makes_the_kernel_refuse_the_page() {
        let kinds: &[GuardKind] = if madvise_guards_work() {
            &[GuardKind::Madvise, GuardKind::Mprotect]
        } else {
            &[GuardKind::Mprotect]
        };
        for &kind in kinds {
            let page = map_region(os::page_size()).expect("a page");
            // SAFETY: the page is ours and unused.
            unsafe { install(kind, page).expect("a guard") };
            let mut pipe = [0; 2];
            // SAFETY: as in `madvise_guards_work`; the mapping is left behind.
            let (n, errno) = unsafe {
                assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
                let n = libc::write(pipe[1], page.as_ptr().cast(), 1);
                let errno = io::Error::last_os_error().raw_os_error();
                libc::close(pipe[0]);
                libc::close(pipe[1]);
                (n, errno)
            };
            assert_eq!((n, errno), (-1, Some(libc::EFAULT)), "{kind:?}");
        }
    }
}
