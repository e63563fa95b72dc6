//! The stack of a parked goroutine, read from another thread, with `GORT_DEBUG=backtrace=1`.
//!
//! The observer claims the goroutine (`gstatus.rs`), so that it cannot run during the observation.
//! The unwinder then starts from a frame on the observer's own stack whose unwind table says that
//! its caller is the goroutine's saved context (`arch::call_from`). While the observer holds the
//! claim, it only collects addresses: it takes no lock that a waker could hold, allocates nothing
//! and cannot panic. Names and lines are looked up afterwards.
//!
//! Without the feature `backtrace` there are no names. Then each line says `program+0x1234`, which
//! can be passed to `addr2line`.

use crate::api::goroutine::GoroutineId;
use crate::arch;
use crate::proc::g::G;
use crate::proc::gstatus;
use crate::report::objects::object_at;
use crate::report::symbols::look_up;
use std::env;
use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};

/// Maximum number of frames shown.
const MOST: usize = 100;

/// Code of these crates is not shown at the beginning or end of a stack.
const OURS: &[&str] = &["gort", "gort_runtime", "gort_sync"];
/// Neither is std's.
const STD: &[&str] = &["core", "std", "alloc", "__rust_try"];

/// Returns the stack of goroutine `id`, innermost function first, as lines to be printed below the
/// goroutine. Empty unless the goroutine is parked and may be observed. `gp` was its G when last
/// looked at.
pub(crate) fn stack_of(gp: NonNull<G>, id: GoroutineId) -> String {
    let mut stack = Stack {
        context: ptr::null_mut(),
        seen_first: false,
        pcs: [ptr::null_mut(); MOST],
        len: 0,
    };
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). Only atomics are read, and `buf` under
    // the claim.
    let g = unsafe { gp.as_ref() };
    gstatus::observe(&g.status, || {
        if GoroutineId::new(g.id()) == id {
            // SAFETY: clauses of `call_from`: `collect` gets the `Stack` that it is made for, which
            // we do not touch until it returns. The context is saved and stays so, because we have
            // claimed the goroutine (`gstatus.rs`), whose status Waiting we have acquired.
            unsafe {
                stack.context = g.buf.get().sp;
                arch::call_from(stack.context, collect, ptr::from_mut(&mut stack).cast());
            }
        }
    });
    describe(&stack.pcs[..stack.len], stack.len == MOST)
}

/// A stack that is being collected.
struct Stack {
    /// The saved context at which the stack begins.
    context: *mut u8,
    /// Whether the observer's own frames have been passed.
    seen_first: bool,
    /// Return addresses, innermost first.
    pcs: [*mut u8; MOST],
    len: usize,
}

/// Collects the goroutine's frames into the `Stack` at `arg`. Called as if by the goroutine.
///
/// # Safety
/// `arg` is a `Stack` that nothing else touches during the call, and its context is a saved one.
unsafe extern "C" fn collect(arg: *mut u8) {
    // SAFETY: caller's clause: it is a `Stack`, and ours during the call.
    let stack = unsafe { &mut *arg.cast::<Stack>() };
    // SAFETY: `each_frame` gets the `Stack` that it is made for, which we do not touch until it
    // returns, and it does not unwind.
    unsafe { _Unwind_Backtrace(each_frame, ptr::from_mut(stack).cast()) };
}

// The unwinder that std uses and links: libgcc's or LLVM's. Several threads may use it at once.
unsafe extern "C" {
    fn _Unwind_Backtrace(
        each: unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        arg: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

/// What an `_Unwind_Trace_Fn` returns to get the next frame, and to stop.
const GO_ON: c_int = 0;
const ENOUGH: c_int = 4;

/// Adds the frame's address to the `Stack` at `arg`. Called by the unwinder for each frame.
///
/// # Safety
/// `frame` is the unwinder's. `arg` is a `Stack` with a saved context that nothing else touches
/// during the call.
unsafe extern "C" fn each_frame(frame: *mut c_void, arg: *mut c_void) -> c_int {
    // SAFETY: caller's clause: it is a `Stack`, and ours during the call.
    let stack = unsafe { &mut *arg.cast::<Stack>() };
    // SAFETY: caller's clause: it is the unwinder's.
    let pc = ptr::without_provenance_mut::<u8>(unsafe { _Unwind_GetIP(frame) });
    // SAFETY: caller's clause: the context is a saved one.
    let first = unsafe { arch::saved_pc(stack.context) };
    stack.seen_first |= pc == first;
    // The last address of a goroutine's stack is null.
    if stack.seen_first && !pc.is_null() {
        stack.pcs[stack.len] = pc;
        stack.len += 1;
    }
    if stack.len < MOST { GO_ON } else { ENOUGH }
}

/// A function on a stack. If calls were inlined, several functions share one address.
struct Function {
    name: String,
    file: Option<PathBuf>,
    line: Option<u32>,
}

impl Function {
    /// Returns `false` for functions of the runtime and of std.
    fn is_the_users(&self) -> bool {
        // If the debug information is line tables only, an inlined function's name has no path. So
        // the file decides, if it is known.
        match &self.file {
            Some(file) => !is_std_file(file) && !OURS.contains(&&*package_of(file)),
            None => {
                let crate_name = crate_of(&self.name);
                !OURS.contains(&crate_name) && !STD.contains(&crate_name)
            }
        }
    }
}

fn is_std_file(file: &Path) -> bool {
    file.starts_with("/rustc") || file.to_string_lossy().contains("/rustlib/src/rust/")
}

/// Returns the crate of a source file: `/…/gort-sync-0.1.0/src/mutex.rs` belongs to `gort_sync`.
fn package_of(file: &Path) -> String {
    let folder = file
        .ancestors()
        .find(|dir| dir.ends_with("src"))
        .and_then(Path::parent)
        .and_then(Path::file_name)
        .unwrap_or_default()
        .to_string_lossy();
    let is_version = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    match folder.rsplit_once('-') {
        Some((name, version)) if is_version(version) => name.replace('-', "_"),
        _ => folder.replace('-', "_"),
    }
}

/// Returns the crate in a function's name: `<std::vec::Vec<T> as user::Trait>::f` belongs to `std`.
fn crate_of(name: &str) -> &str {
    name.trim_start_matches(['<', '&', '*', '(', '['])
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default()
}

/// Returns the lines that describe a stack.
fn describe(pcs: &[*mut u8], cut_off: bool) -> String {
    let mut functions = Vec::new();
    for &pc in pcs {
        let before = functions.len();
        look_up(pc, |name, file, line| {
            let name = name.unwrap_or_else(|| place_of(pc));
            functions.push(Function { name, file, line });
        });
        if functions.len() == before {
            functions.push(Function {
                name: place_of(pc),
                file: None,
                line: None,
            });
        }
    }
    let here = env::current_dir().unwrap_or_default();
    let mut text = String::new();
    for function in users_part(&functions, cut_off) {
        text.push_str(&format!("    {}\n", function.name));
        if let (Some(file), Some(line)) = (&function.file, function.line) {
            let file = file.strip_prefix(&here).unwrap_or(file).display();
            text.push_str(&format!("        {file}:{line}\n"));
        }
    }
    if cut_off {
        text.push_str("    ...\n");
    }
    text
}

/// Describes an address whose name is unknown.
fn place_of(pc: *mut u8) -> String {
    object_at(pc).map_or_else(|| format!("{pc:p}"), |object| object.place(pc))
}

/// Removes the functions of the runtime and std at both ends, unless nothing would be left.
fn users_part(functions: &[Function], cut_off: bool) -> &[Function] {
    let first = functions.iter().position(Function::is_the_users);
    let last = functions.iter().rposition(Function::is_the_users);
    match (first, last) {
        (Some(first), _) if cut_off => &functions[first..],
        (Some(first), Some(last)) => &functions[first..=last],
        _ => functions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, file: Option<&str>) -> Function {
        Function {
            name: name.into(),
            file: file.map(PathBuf::from),
            line: None,
        }
    }

    #[test]
    fn the_users_functions_are_told_from_ours_and_stds_by_file_or_else_by_name() {
        for (file, expected) in [
            ("/rustc/0123/library/core/src/panic.rs", false),
            ("/x/lib/rustlib/src/rust/library/std/src/panic.rs", false),
            ("/x/gort/gort-runtime/src/park.rs", false),
            ("/x/gort/gort/src/macros.rs", false),
            (
                "/x/registry/src/y/gort-sync-0.1.0/src/channel/ops.rs",
                false,
            ),
            ("/x/gort/tests/src/bin/observed.rs", true),
            ("/x/gort/tests/tests/observe.rs", true),
            ("/x/gort/src/program/core/src/main.rs", true),
        ] {
            assert_eq!(function("f", Some(file)).is_the_users(), expected, "{file}");
        }
        for (name, expected) in [
            ("gort_runtime::goexit::entry", false),
            ("<&core::option::Option<T> as user::Trait>::f", false),
            ("__rust_try", false),
            ("gort_tests::parked", true),
            ("0x1234", true),
        ] {
            assert_eq!(function(name, None).is_the_users(), expected, "{name}");
        }
    }
}
