//! `GORT_PROFILE=PREFIX`: writes profiles when the program ends, even if the program itself does
//! not use this module.
//!
//! The profiles are written at every orderly exit, on any thread and in any goroutine: after main
//! has returned, and in `process::exit`. They are not written after a signal, an abort or a
//! deadlock report.

use crate::base::forked::forked;
use crate::os;
use crate::profile::{Profile, block, goroutines, mutex, set_rate};
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The initial rate: one sample for this many nanoseconds of waiting. The program can change it.
const RATE: u64 = 10_000;

/// The first part of the files' names.
static PREFIX: OnceLock<OsString> = OnceLock::new();

/// Arranges for profiles to be written at exit if the environment asks for that. The runtime calls
/// this when it starts.
pub(crate) fn install() {
    let Some(prefix) = env::var_os("GORT_PROFILE").filter(|prefix| !prefix.is_empty()) else {
        return;
    };
    if PREFIX.set(prefix).is_err() {
        return;
    }
    set_rate(RATE);
    // SAFETY: `write_all` may be called at exit. If `atexit` has no memory to register it, it is
    // not called.
    unsafe { libc::atexit(write_all) };
}

extern "C" fn write_all() {
    // A forked child lacks the other threads, and one of them may have held a lock that is needed
    // here.
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
