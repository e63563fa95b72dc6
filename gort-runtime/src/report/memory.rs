//! Reads memory of this process that other threads may write, or that might not be mapped.
//!
//! `/proc/self/mem` is the process's memory as a file. The kernel copies from it, so there is no
//! data race in Rust's sense. A read ends where nothing is mapped. Other threads may write between
//! two reads, so the caller must find out whether the words that it has read belong together.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Number of bytes of the first read: most stacks end within it.
const FIRST_READ: usize = 2 << 10;
/// Maximum number of bytes of the copy, so that a damaged stack cannot make a report take long.
const MAX_BYTES: usize = 1 << 20;

const WORD: usize = size_of::<usize>();

/// A copy of memory from some address on, up to what has been asked for.
#[derive(Debug)]
pub(crate) struct Memory {
    file: File,
    from: usize,
    bytes: Vec<u8>,
}

impl Memory {
    /// Opens the memory of this process.
    ///
    /// # Errors
    /// Returns an error if there is no `/proc`, or if the process is not allowed to read its own
    /// memory that way.
    pub(crate) fn own() -> io::Result<Self> {
        Ok(Self {
            file: File::open("/proc/self/mem")?,
            from: 0,
            bytes: Vec::new(),
        })
    }

    /// Discards what was read. The next words that are asked for are at `from` or above.
    pub(crate) fn start_at(&mut self, from: usize) {
        self.from = from;
        self.bytes.clear();
    }

    /// Returns the word at `addr`, as it was when this word or one near it was first asked for.
    pub(crate) fn word(&mut self, addr: usize) -> Option<usize> {
        let at = addr.checked_sub(self.from)?;
        let end = at.checked_add(WORD)?;
        if end > MAX_BYTES {
            return None;
        }
        if end > self.bytes.len() {
            self.read_up_to(end);
        }
        let bytes = self.bytes.get(at..end)?;
        Some(usize::from_ne_bytes(bytes.try_into().ok()?))
    }

    fn read_up_to(&mut self, end: usize) {
        let old = self.bytes.len();
        let new = end.max(2 * old).clamp(FIRST_READ, MAX_BYTES);
        self.bytes.resize(new, 0);
        let read = self
            .file
            .read_at(&mut self.bytes[old..], (self.from + old) as u64)
            .unwrap_or(0);
        self.bytes.truncate(old + read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_wherever_they_lie_and_nothing_where_there_is_no_memory() {
        let words: Vec<usize> = (0..10_000).map(|i| i * 3).collect();
        let from = words.as_ptr().addr();
        let mut memory = Memory::own().expect("there is /proc");
        memory.start_at(from);
        for i in [0, 1, 255, 256, 9_999, 300] {
            assert_eq!(memory.word(from + i * WORD), Some(i * 3), "{i}");
        }
        assert_eq!(memory.word(from - WORD), None);
        assert_eq!(memory.word(from + MAX_BYTES), None);
        memory.start_at(WORD);
        assert_eq!(memory.word(WORD), None);
        // After `start_at` it reads the memory again.
        let mut word = 1_usize;
        memory.start_at((&raw const word).addr());
        assert_eq!(memory.word((&raw const word).addr()), Some(1));
        std::hint::black_box(&mut word);
        word = 2;
        std::hint::black_box(&mut word);
        memory.start_at((&raw const word).addr());
        assert_eq!(memory.word((&raw const word).addr()), Some(2));
    }
}
