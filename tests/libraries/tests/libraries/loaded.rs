//! Libraries that are loaded while goroutines exist, with thread-locals of both models that
//! libraries use.

use crate::TIMES;
use gort_libraries::{Meeting, many, moving, own, wait};
use std::cell::Cell;
use std::ffi::{CString, c_int, c_long, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Number of goroutines that exist while libraries are loaded and unloaded.
const LIVING: usize = 1_000;
/// Number of libraries that are loaded at the same time.
const LIBRARIES: usize = 20;

const SOURCE: &str = "
static __thread long counter = 40;
static __thread char more[40];
long count(void) { more[counter % 40]++; return ++counter; }
long *address(void) { return &counter; }
";

/// Builds the library for `model` with the C compiler, in a folder of its own. Returns `None` if
/// there is no C compiler.
fn build(model: &str) -> Option<PathBuf> {
    let folder = std::env::temp_dir().join(format!("gort-libraries-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, library) = (folder.join("counter.c"), folder.join(format!("{model}.so")));
    std::fs::write(&source, SOURCE).unwrap();
    let mut cc = Command::new("cc");
    cc.args([
        "-O2",
        "-shared",
        "-fPIC",
        &format!("-ftls-model={model}"),
        "-o",
    ]);
    let status = cc.arg(&library).arg(&source).status();
    match status {
        Ok(status) => {
            assert!(status.success(), "cc: {status}");
            Some(library)
        }
        Err(e) => {
            println!("SKIPPED: libraries with thread-locals: no C compiler: {e}");
            None
        }
    }
}

/// A loaded copy of the library.
struct Library {
    handle: *mut c_void,
    count: extern "C" fn() -> c_long,
    address: extern "C" fn() -> *mut c_long,
}

// SAFETY: any thread may use a handle.
unsafe impl Send for Library {}
// SAFETY: any thread may use a handle.
unsafe impl Sync for Library {}

impl Library {
    /// Makes a copy of the library and loads it.
    fn load(library: &Path) -> Self {
        static COPIES: AtomicUsize = AtomicUsize::new(0);
        let copy = library.with_extension(format!("{}.so", COPIES.fetch_add(1, Relaxed)));
        std::fs::copy(library, &copy).unwrap();
        let path = CString::new(copy.to_str().unwrap()).unwrap();
        // SAFETY: loading the library runs no code, and it has these functions.
        unsafe {
            let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
            assert!(!handle.is_null(), "dlopen");
            std::fs::remove_file(&copy).unwrap();
            let symbol = |name: &std::ffi::CStr| libc::dlsym(handle, name.as_ptr());
            Self {
                handle,
                count: std::mem::transmute::<*mut c_void, extern "C" fn() -> c_long>(symbol(
                    c"count",
                )),
                address: std::mem::transmute::<*mut c_void, extern "C" fn() -> *mut c_long>(
                    symbol(c"address"),
                ),
            }
        }
    }

    /// Counts in the calling goroutine's variable, which no other goroutine has used, and waits in
    /// between.
    fn use_it(&self, times: usize) {
        let address = (self.address)();
        for n in 1..=times {
            assert_eq!((self.count)(), 40 + n as c_long);
            wait();
            assert_eq!((self.address)(), address);
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: after the drop none of the library's functions is called.
        assert_eq!(unsafe { libc::dlclose(self.handle) }, 0);
    }
}

/// Installs a signal handler that uses thread-locals, and has it called 1,000 times per second of
/// processor time.
fn interrupt() {
    thread_local! {
        static INTERRUPTED: Cell<u64> = const { Cell::new(0) };
    }
    extern "C" fn count(_: c_int) {
        INTERRUPTED.set(INTERRUPTED.get() + 1);
    }
    let every_ms = libc::timeval {
        tv_sec: 0,
        tv_usec: 1000,
    };
    let timer = libc::itimerval {
        it_interval: every_ms,
        it_value: every_ms,
    };
    // SAFETY: the handler uses a thread-local without an initialiser, and the structures are ours.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as *const () as usize;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGPROF, &raw const action, std::ptr::null_mut());
        libc::setitimer(libc::ITIMER_PROF, &raw const timer, std::ptr::null_mut());
    }
}

/// Loads `n` libraries while older goroutines exist. Each older goroutine then uses one of them,
/// and younger goroutines use all.
fn load_while_goroutines_live(library: &Path, n: usize) {
    let (born, loaded) = (
        Arc::new(Meeting::of(LIVING + 1)),
        Arc::new(OnceLock::<Vec<Library>>::new()),
    );
    let older: Vec<_> = (0..LIVING)
        .map(|i| {
            let (born, loaded) = (born.clone(), loaded.clone());
            own(move || {
                born.join();
                while loaded.get().is_none() {
                    gort::time::sleep(Duration::from_millis(1));
                }
                loaded.get().unwrap()[i % n].use_it(3);
            })
        })
        .collect();
    born.join();
    assert!(
        loaded
            .set((0..n).map(|_| Library::load(library)).collect())
            .is_ok()
    );
    let all = loaded.clone();
    // New goroutines get the stacks of older ones that have ended. The older ones have changed the
    // libraries' variables there.
    let young = Meeting::of(100);
    let younger = own(move || {
        many(100, move |_| {
            young.join();
            for library in all.get().unwrap() {
                let (before, address) = ((library.count)(), (library.address)());
                wait();
                assert_eq!(
                    ((library.count)(), (library.address)()),
                    (before + 1, address)
                );
            }
        })
    });
    younger.join().unwrap();
    for one in older {
        one.join().unwrap();
    }
}

/// Loads, uses and unloads libraries in goroutines, again and again.
fn load_and_unload(library: &Path) {
    let library: Arc<Path> = library.into();
    many(50, move |_| {
        for _ in 0..TIMES {
            let loaded = Library::load(&library);
            wait();
            loaded.use_it(3);
            drop(loaded);
            wait();
        }
    });
}

fn with(model: &str, f: fn(&Path)) {
    let Some(library) = build(model) else { return };
    f(&library);
    std::fs::remove_dir_all(library.parent().unwrap()).unwrap();
}

moving! {
    // TL11
    fn libraries_with_thread_locals_that_are_allocated_come_and_go() {
        interrupt();
        with("global-dynamic", |library| {
            load_while_goroutines_live(library, LIBRARIES);
            load_and_unload(library);
        });
    }

    // TL11
    /// These thread-locals lie in the blocks of threads and goroutines, which have a little room
    /// for this purpose.
    fn libraries_with_thread_locals_in_the_block_come() {
        interrupt();
        with("initial-exec", |library| {
            load_while_goroutines_live(library, 4);
        });
    }
}
