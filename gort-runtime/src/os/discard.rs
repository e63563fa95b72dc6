//! Giving memory of the allocator back to the system before it is freed.

/// Gives the whole pages among the `len` bytes from `start` back to the system, if it takes them.
/// Their contents are lost. Does nothing on macOS.
///
/// # Safety
/// The bytes belong to the caller, who will not read them before it has written them.
pub unsafe fn discard_memory(start: *mut u8, len: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        let page = super::page_size();
        let skipped = start.addr().wrapping_neg() % page;
        let whole = len.saturating_sub(skipped) / page * page;
        if whole != 0 {
            // SAFETY: the pages lie within the caller's bytes, whose contents are not needed.
            unsafe { libc::madvise(start.add(skipped).cast(), whole, libc::MADV_DONTNEED) };
        }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (start, len);
}
