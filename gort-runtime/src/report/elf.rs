//! A minimal reader of ELF files: finds sections and names of functions.
//!
//! Everything in the file is checked. A damaged file yields fewer sections or names.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The size of the file header, in bytes.
const FILE_HEADER: usize = 64;
/// The size of a section header, in bytes.
const SECTION_HEADER: usize = 64;
/// The size of a symbol, in bytes.
const SYMBOL: usize = 24;

/// The type of a function's symbol, in the lower bits of `st_info`.
const FUNCTION: u8 = 2;
/// The flag in `sh_flags` of a compressed section, which cannot be read here.
const COMPRESSED: u64 = 1 << 11;
/// The `sh_type` of a section that has no bytes in the file.
const NOBITS: u32 = 8;

/// An open 64-bit ELF file in this machine's byte order.
pub(crate) struct Elf {
    file: File,
    sections: Vec<Section>,
    /// Contents of the section with the sections' names.
    names: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Section {
    name: u32,
    kind: u32,
    flags: u64,
    addr: u64,
    offset: u64,
    size: u64,
}

/// A function's first address, its length, and the offset of its name in [`Functions::names`].
struct Function {
    begin: u64,
    size: u64,
    name: u32,
}

/// The functions of a file, sorted by address.
pub(crate) struct Functions {
    sorted: Vec<Function>,
    names: Vec<u8>,
}

impl Elf {
    /// Opens the file and reads its section headers.
    ///
    /// # Errors
    /// Returns the errors of reading the file, and `InvalidData` if it is not a 64-bit ELF file in
    /// this machine's byte order.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut header = [0; FILE_HEADER];
        file.read_exact_at(&mut header, 0)?;
        let order = if cfg!(target_endian = "little") { 1 } else { 2 };
        if !header.starts_with(&[0x7f, b'E', b'L', b'F', 2, order]) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = usize::from(u16_at(&header, 0x3c));
        let mut headers = vec![0; count * SECTION_HEADER];
        file.read_exact_at(&mut headers, u64_at(&header, 0x28))?;
        let sections: Vec<_> = headers
            .chunks_exact(SECTION_HEADER)
            .map(|header| Section {
                name: u32_at(header, 0),
                kind: u32_at(header, 4),
                flags: u64_at(header, 8),
                addr: u64_at(header, 0x10),
                offset: u64_at(header, 0x18),
                size: u64_at(header, 0x20),
            })
            .collect();
        let mut elf = Self {
            file,
            sections,
            names: Vec::new(),
        };
        if let Some(&section) = elf.sections.get(usize::from(u16_at(&header, 0x3e))) {
            elf.names = elf.read(section);
        }
        Ok(elf)
    }

    /// Returns the contents of the section with this name, or nothing if there is none that can be
    /// read.
    pub(crate) fn section(&self, name: &str) -> Vec<u8> {
        self.placed_section(name).0
    }

    /// Like [`section`](Self::section), but also returns the section's address, relative to the
    /// object's base.
    pub(crate) fn placed_section(&self, name: &str) -> (Vec<u8>, u64) {
        let section = self
            .sections
            .iter()
            .find(|section| text_at(&self.names, section.name) == name.as_bytes());
        section.map_or((Vec::new(), 0), |&section| {
            (self.read(section), section.addr)
        })
    }

    /// Returns the functions that the file's symbol table names.
    pub(crate) fn functions(&self) -> Functions {
        let mut sorted: Vec<_> = self
            .section(".symtab")
            .chunks_exact(SYMBOL)
            .filter(|symbol| symbol[4] & 0xf == FUNCTION)
            .map(|symbol| Function {
                name: u32_at(symbol, 0),
                begin: u64_at(symbol, 8),
                size: u64_at(symbol, 16),
            })
            .collect();
        sorted.sort_by_key(|function| function.begin);
        Functions {
            sorted,
            names: self.section(".strtab"),
        }
    }

    fn read(&self, section: Section) -> Vec<u8> {
        let in_file = self.file.metadata().map_or(0, |metadata| metadata.len());
        if section.kind == NOBITS || section.flags & COMPRESSED != 0 || section.size > in_file {
            return Vec::new();
        }
        let mut bytes = vec![0; section.size as usize];
        match self.file.read_exact_at(&mut bytes, section.offset) {
            Ok(()) => bytes,
            Err(_) => Vec::new(),
        }
    }
}

impl Functions {
    /// Returns the empty set, for a file that cannot be read.
    pub(crate) fn none() -> Self {
        Self {
            sorted: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Returns the mangled name of the function that contains the code at `addr`.
    pub(crate) fn name_at(&self, addr: u64) -> Option<&str> {
        let after = self
            .sorted
            .partition_point(|function| function.begin <= addr);
        let function = self.sorted.get(after.checked_sub(1)?)?;
        if addr - function.begin >= function.size {
            return None;
        }
        std::str::from_utf8(text_at(&self.names, function.name)).ok()
    }
}

/// Returns the text from `begin` up to the next 0.
fn text_at(names: &[u8], begin: u32) -> &[u8] {
    let rest = names.get(begin as usize..).unwrap_or_default();
    rest.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Returns N bytes of a header that is long enough.
fn bytes_at<const N: usize>(header: &[u8], offset: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[offset..offset + N]);
    bytes
}

fn u16_at(header: &[u8], offset: usize) -> u16 {
    u16::from_ne_bytes(bytes_at(header, offset))
}

fn u32_at(header: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(bytes_at(header, offset))
}

fn u64_at(header: &[u8], offset: usize) -> u64 {
    u64::from_ne_bytes(bytes_at(header, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn a_function_with_a_name() {}

    #[test]
    fn the_test_itself_has_sections_and_functions() {
        let path = Path::new("/proc/self/exe");
        let elf = Elf::open(path).expect("it runs");
        assert!(!elf.section(".text").is_empty());
        assert!(elf.section(".bss").is_empty());
        assert!(elf.section(".no-such-section").is_empty());
        let here = a_function_with_a_name as fn() as *mut u8;
        let object = crate::report::objects::object_at(here).expect("it is loaded");
        let functions = elf.functions();
        let name = functions.name_at((here.addr() - object.base) as u64);
        assert!(
            name.is_some_and(|name| name.contains("a_function_with_a_name")),
            "{name:?}"
        );
        assert_eq!(functions.name_at(0), None);
        assert_eq!(functions.name_at(u64::MAX), None);
    }

    #[test]
    fn a_file_that_is_not_elf_is_refused() {
        for path in ["/proc/self/status", "/dev/null", "/no-such-file"] {
            assert!(Elf::open(Path::new(path)).is_err(), "{path}");
        }
    }
}
