//! The program and its loaded libraries: finds the one that an address belongs to.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::slice;

/// An object that the dynamic linker had loaded when it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// The object's file. The program's is `/proc/self/exe`.
    pub(crate) path: PathBuf,
    /// The difference between an address in memory and the same address in the file.
    pub(crate) base: usize,
}

impl Object {
    /// Returns `name+0x1234`, which is what `addr2line -e` needs to know about an address in the
    /// object.
    pub(crate) fn place(&self, pc: *mut u8) -> String {
        let path = if self.path == program() {
            std::env::current_exe().unwrap_or_else(|_| self.path.clone())
        } else {
            self.path.clone()
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        format!("{name}+{:#x}", pc.addr().wrapping_sub(self.base))
    }
}

/// Returns the object that contains the code at this address.
pub(crate) fn object_at(pc: *mut u8) -> Option<Object> {
    let mut search = Search {
        addr: pc.addr(),
        found: None,
    };
    // SAFETY: `dl_iterate_phdr` calls `visit` only before it returns, and passes it the `Search`,
    // as `visit` requires. We do not touch the `Search` during that time. `visit` does not unwind,
    // because nothing in it panics.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.found
}

struct Search {
    addr: usize,
    found: Option<Object>,
}

/// Stores the object if one of its segments contains the address that is searched for.
///
/// # Safety
/// `info` is what the dynamic linker passes to such a function. `data` is a [`Search`] that nothing
/// else touches during the call.
unsafe extern "C" fn visit(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    data: *mut c_void,
) -> c_int {
    // SAFETY: the caller guarantees that both may be read, and that the second is ours during the
    // call.
    let (info, search) = unsafe { (&*info, &mut *data.cast::<Search>()) };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: `dlpi_phdr` points to `dlpi_phnum` program headers (dl_iterate_phdr(3)), which stay
    // in place while the linker's lock is held.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let base = info.dlpi_addr as usize;
    let is_inside = headers.iter().any(|header| {
        let begin = base.wrapping_add(header.p_vaddr as usize);
        header.p_type == libc::PT_LOAD && search.addr.wrapping_sub(begin) < header.p_memsz as usize
    });
    if !is_inside {
        return 0;
    }
    let name = if info.dlpi_name.is_null() {
        c""
    } else {
        // SAFETY: the name is a string that ends in 0 (dl_iterate_phdr(3)).
        unsafe { CStr::from_ptr(info.dlpi_name) }
    };
    let path = match name.to_bytes() {
        [] => program(),
        bytes => PathBuf::from(OsStr::from_bytes(bytes)),
    };
    search.found = Some(Object { path, base });
    1
}

/// Returns the program's file, even if it has been replaced since.
fn program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_belongs_to_the_program_and_libcs_to_another_or_the_same() {
        let here = object_at(program as fn() -> PathBuf as *mut u8).expect("we are loaded");
        assert_eq!(here.path, program());
        let libcs = object_at(libc::getpid as *mut u8).expect("so is libc");
        assert!(libcs.path == program() || libcs.path.to_string_lossy().contains("libc"));
        assert_eq!(object_at(std::ptr::null_mut()), None);
        let local = 0_u8;
        assert_eq!(object_at((&raw const local).cast_mut()), None);
    }

    #[test]
    fn a_place_is_counted_from_the_objects_base() {
        let object = Object {
            path: PathBuf::from("/lib/libx.so"),
            base: 0x1000,
        };
        let place = object.place(std::ptr::without_provenance_mut(0x1234));
        assert_eq!(place, "libx.so+0x234");
    }
}
