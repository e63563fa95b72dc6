//! Prints the MD5 of every file under a directory, as md5sum does. Go: bounded.go of
//! go.dev/blog/pipelines.
//!
//! ```text
//! walk ──paths──► digest × N ──sums──► collect, sort, print
//!  └─────done─────────┘
//! ```
//! The stage that fails first closes `done`. Then the other stages stop at their next operation.
//!
//! Directories named `.git` and `target` are skipped. Symbolic links are not followed. If DIR
//! itself is a link, it is followed only if it ends in a slash.

use gort::prelude::*;
use gort::runtime::max_procs;
use gort_examples::{Failure, Outcome, Progress, one_line, print, program};
use md5::{Digest, Md5};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[gort::main]
fn main() -> ExitCode {
    program("md5all DIR", |args| match args {
        [dir] => print(md5_all(dir.into())?.iter().map(line)),
        _ => Err(Failure::usage("expected one directory")),
    })
}

/// A path as it is printed, and the file's digest.
type Sum = (Vec<u8>, u128);

/// Runs the pipeline. All its stages have ended on return. The sums are sorted by path.
fn md5_all(root: PathBuf) -> Outcome<Vec<Sum>> {
    let (stop, done) = bounded::<()>(0);
    let cancel = move |_: &Failure| _ = stop.close();
    let (path_tx, path_rx) = bounded(0);
    let (sum_tx, sum_rx) = bounded(0);
    let mut stages = vec![go!(clone [cancel, done]; {
        walk(root, &path_tx, &done).inspect_err(cancel)
    })];
    // There are more goroutines than can run at once: while one waits to send, another one digests.
    for _ in 0..2 * max_procs() {
        stages.push(go!(clone [path_rx, sum_tx, cancel, done]; {
            digest(&path_rx, &sum_tx, &done).inspect_err(cancel)
        }));
    }
    drop((path_rx, sum_tx)); // From now on only the stages hold these: the channels end with them.
    let mut sums = collect(&sum_rx);
    for stage in stages {
        stage.join()??;
    }
    sums.sort_unstable();
    Ok(sums)
}

/// Sends the path of every file under `root`.
fn walk(root: PathBuf, paths: &Sender<PathBuf>, done: &Receiver<()>) -> Outcome {
    if root.is_symlink() {
        return Err(Failure::at(&root)(ErrorKind::NotADirectory.into()));
    }
    let mut dirs = vec![root];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).map_err(Failure::at(&dir))? {
            let entry = entry.map_err(Failure::at(&dir))?;
            let (name, path) = (entry.file_name(), entry.path());
            let kind = entry.file_type().map_err(Failure::at(&path))?;
            if kind.is_dir() && name != ".git" && name != "target" {
                dirs.push(path);
            } else if kind.is_file() {
                select! { paths <- path => {}, <-done => return Ok(()) }
            }
        }
    }
    Ok(())
}

/// Digests files while there are paths. Several goroutines share the work.
fn digest(paths: &Receiver<PathBuf>, sums: &Sender<Sum>, done: &Receiver<()>) -> Outcome {
    let mut chunk = vec![0; 64 << 10];
    for path in paths {
        let digest = md5(&path, &mut chunk, done).map_err(Failure::at(&path))?;
        let Some(digest) = digest else { break };
        let sum = (one_line(&path), digest);
        select! { sums <- sum => {}, <-done => break }
    }
    Ok(())
}

/// Returns the digest of a file, read `chunk` by chunk, or `None` if `done` was closed.
fn md5(path: &Path, chunk: &mut [u8], done: &Receiver<()>) -> io::Result<Option<u128>> {
    let (mut file, mut md5) = (File::open(path)?, Md5::new());
    loop {
        match file.read(chunk) {
            Ok(0) => return Ok(Some(u128::from_be_bytes(md5.finalize().into()))),
            Ok(n) => md5.update(&chunk[..n]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        // Reading does not park: without `yield_now` other goroutines would wait until sysmon takes
        // the P.
        select! { <-done => return Ok(None), default => yield_now() }
    }
}

/// Receives sums until all stages have ended.
fn collect(sums: &Receiver<Sum>) -> Vec<Sum> {
    let mut progress = Progress::new();
    let mut all = Vec::new();
    loop {
        select! {
            Ok(sum) = <-sums else { return all } => all.push(sum),
            <-progress.due() => progress.show(format_args!("{} files", all.len())),
        }
    }
}

/// Formats a sum as md5sum does: with a mark at the beginning if the path has escapes.
fn line((path, digest): &Sum) -> Vec<u8> {
    let mark = if path.contains(&b'\\') { r"\" } else { "" };
    [format!("{mark}{digest:032x}  ").as_bytes(), path].concat()
}
