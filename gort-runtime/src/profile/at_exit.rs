//! `GORT_PROFILE=PREFIX`: profiles of a program that does not ask for them itself, written when it ends.
//!
//! At every orderly exit: after a return from main, and in `process::exit`, on whatever thread and in whatever goroutine.
//! Not after a signal, an abort, or a deadlock report.

use crate::base::forked::forked;
use crate::os;
use crate::profile::{Profile, block, goroutines, mutex, set_rate};
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

/// One sample for so many nanoseconds of waiting, unless the program says otherwise.
const RATE: u64 = 10_000;

/// What the names of the files begin with.
static PREFIX: OnceLock<OsString> = OnceLock::new();

/// When the runtime starts: has profiles written at the end, if the environment asks for that.
pub(crate) fn install() {
    let Some(prefix) = env::var_os("GORT_PROFILE").filter(|prefix| !prefix.is_empty()) else {
        return;
    };
    if PREFIX.set(prefix).is_err() {
        return;
    }
    set_rate(RATE);
    // SAFETY: a function that may be called at the exit. If there is no memory for it, it is not.
    unsafe { libc::atexit(write_all) };
}

extern "C" fn write_all() {
    // In a child the other threads are missing, which may hold whatever is needed here.
    let Some(prefix) = PREFIX.get().filter(|_| !forked()) else {
        return;
    };
    set_rate(0);
    for (name, profile) in [
        ("goroutine", goroutines as fn() -> Profile),
        ("block", block),
        ("mutex", mutex),
    ] {
        let mut path = prefix.clone();
        path.push(format!(".{name}.pb"));
        let path = PathBuf::from(path);
        if let Err(error) = write(&path, profile()) {
            let line = format!("gort: cannot write {}: {error}\n", path.display());
            os::write_stderr(line.as_bytes());
        }
    }
}

fn write(path: &PathBuf, profile: Profile) -> io::Result<()> {
    profile.pprof(File::create(path)?)
}
