//! Counts the words of files, as `wc -w` does. Go: fan-out and fan-in of go.dev/blog/pipelines.
//!
//! ```text
//!         ┌─► count ─┐
//! files ──┼─► count ─┼──counts──► sort, print       a word: bytes without ASCII white space
//!         └─► count ─┘
//! ```

use gort::prelude::*;
use gort::runtime::max_procs;
use gort_examples::{Failure, Outcome, one_line, print, program};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[gort::main]
fn main() -> ExitCode {
    program("wordcount FILE...", |files| match files {
        [] => Err(Failure::usage("expected one file at least")),
        _ => print(lines(files, &count_all(files)?)),
    })
}

/// What was found in a file.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    words: u64,
    bytes: u64,
    in_word: bool,
}

/// Counts the words of each file. The counts are in the order of the files.
fn count_all(files: &[OsString]) -> Outcome<Vec<Count>> {
    let (job_tx, job_rx) = unbounded();
    let (count_tx, count_rx) = bounded(0);
    for (index, file) in files.iter().enumerate() {
        select! { job_tx <- (index, PathBuf::from(file)) => {} }
    }
    drop(job_tx); // No more jobs: a worker that finds none ends.
    let mut counters = Vec::new();
    for _ in 0..max_procs() {
        counters.push(go!(clone [job_rx, count_tx]; {
            for (index, file) in job_rx {
                select! { count_tx <- (index, count(&file)) => {} }
            }
        }));
    }
    drop(count_tx); // The counts end with the last worker.
    let mut counts: Vec<_> = count_rx.iter().collect();
    for counter in counters {
        counter.join()?;
    }
    counts.sort_by_key(|&(index, _)| index);
    counts.into_iter().map(|(_, count)| count).collect()
}

fn count(path: &Path) -> Outcome<Count> {
    let mut count = Count::default();
    let mut file = File::open(path).map_err(Failure::at(path))?;
    io::copy(&mut file, &mut count).map_err(Failure::at(path))?;
    Ok(count)
}

/// Counts the words that are written to it.
impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            let space = matches!(byte, b' ' | b'\t'..=b'\r');
            self.words += u64::from(!space && !self.in_word);
            self.in_word = !space;
        }
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Formats the counts as a column that is as wide as wc makes it: with room for the bytes of all
/// files.
fn lines(files: &[OsString], counts: &[Count]) -> Vec<Vec<u8>> {
    let bytes: u64 = counts.iter().map(|count| count.bytes).sum();
    let words: u64 = counts.iter().map(|count| count.words).sum();
    let several = files.len() > 1;
    let width = if several { bytes.to_string().len() } else { 0 };
    let line = |words: u64, name: &[u8]| [format!("{words:width$} ").as_bytes(), name].concat();
    let each = files.iter().zip(counts);
    let each = each.map(|(file, count)| line(count.words, &one_line(file.as_ref())));
    each.chain(several.then(|| line(words, b"total"))).collect()
}
