//! Looks up names, files and lines of code addresses in the debug information of the program and
//! its libraries.
//!
//! Part of the feature `backtrace`. Without it, `symbols_off.rs` replaces this file.

use crate::report::elf::{Elf, Functions};
use crate::report::objects::{Object, object_at};
use addr2line::gimli::{Dwarf, EndianSlice, NativeEndian, SectionId};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The bytes of a section. They are never freed: there is one set for each object in which a stack
/// was seen.
type Bytes = EndianSlice<'static, NativeEndian>;

/// The symbols of an object.
struct Symbols {
    object: Object,
    /// Source lines and inlined calls, if there is debug information.
    debug: Option<addr2line::Context<Bytes>>,
    functions: Functions,
}

/// Calls `found` with the function that contains the return address `pc`: its name and source
/// location, as far as known. If calls were inlined, calls `found` for each function, innermost
/// first. Does not call it if nothing is known.
pub(crate) fn look_up(
    pc: *mut u8,
    found: impl FnMut(Option<String>, Option<PathBuf>, Option<u32>),
) {
    // One look-up at a time, because the tables are filled on demand. This never runs on a
    // goroutine's stack, so the lock may block the thread.
    static KNOWN: Mutex<Vec<Symbols>> = Mutex::new(Vec::new());

    let Some(object) = object_at(pc) else {
        return;
    };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let index = known.iter().position(|symbols| symbols.object == object);
    let index = index.unwrap_or_else(|| {
        known.push(Symbols::read(object));
        known.len() - 1
    });
    known[index].look_up(pc, found);
}

impl Symbols {
    fn read(object: Object) -> Self {
        let Ok(elf) = Elf::open(&object.path) else {
            return Self {
                object,
                debug: None,
                functions: Functions::none(),
            };
        };
        let section = |id: SectionId| -> Result<Bytes, addr2line::gimli::Error> {
            let bytes = elf.section(id.name()).leak();
            Ok(EndianSlice::new(bytes, NativeEndian))
        };
        Self {
            object,
            debug: Dwarf::load(section)
                .and_then(addr2line::Context::from_dwarf)
                .ok(),
            functions: elf.functions(),
        }
    }

    fn look_up(
        &self,
        pc: *mut u8,
        mut found: impl FnMut(Option<String>, Option<PathBuf>, Option<u32>),
    ) {
        // The call comes before the address to which it returns.
        let addr = pc.addr().wrapping_sub(self.object.base).wrapping_sub(1) as u64;
        let by_symbol = || self.functions.name_at(addr).map(demangled);
        let frames = self
            .debug
            .as_ref()
            .and_then(|debug| debug.find_frames(addr).skip_all_loads().ok());
        let mut any = false;
        if let Some(mut frames) = frames {
            while let Ok(Some(frame)) = frames.next() {
                any = true;
                let name = frame
                    .function
                    .and_then(|function| Some(demangled(&function.raw_name().ok()?)));
                let location = frame.location;
                let file = location.as_ref().and_then(|location| location.file);
                let line = location.as_ref().and_then(|location| location.line);
                found(name.or_else(by_symbol), file.map(PathBuf::from), line);
            }
        }
        if !any && let Some(name) = by_symbol() {
            found(Some(name), None, None);
        }
    }
}

/// Returns `name` as the source writes it, without the hash at its end. Returns it unchanged if it
/// is not a Rust name.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn called() -> (Vec<String>, Option<PathBuf>, Option<u32>) {
        let mut names = Vec::new();
        let mut place = (None, None);
        // Any address in this function is suitable.
        let pc = (called as fn() -> _ as *mut u8).wrapping_add(1);
        look_up(pc, |name, file, line| {
            names.extend(name);
            place = (file, line);
        });
        (names, place.0, place.1)
    }

    #[test]
    fn a_function_has_its_name_file_and_line() {
        let (names, file, line) = called();
        assert!(
            names.last().is_some_and(|name| name.ends_with("called")),
            "{names:?}"
        );
        assert!(file.is_some_and(|file| file.ends_with("report/symbols.rs")));
        assert!(line.is_some_and(|line| line > 90));
        let mut any = false;
        look_up(std::ptr::null_mut(), |_, _, _| any = true);
        assert!(!any);
    }
}
