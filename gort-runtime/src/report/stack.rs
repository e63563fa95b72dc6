//! The stack of a parked goroutine, seen from another thread: with `GORT_DEBUG=backtrace=1`.
//!
//! The observer claims the goroutine (`gstatus.rs`), so that nobody runs it meanwhile, and has
//! the unwinder walk from a frame on the observer's own stack whose unwind table says that
//! its caller is the goroutine's saved context (`arch::call_from`). While it holds the claim it
//! only collects addresses: it takes no lock that a waker could hold, allocates nothing and
//! cannot panic. Names and lines are looked up afterwards.
//!
//! Without the feature `backtrace` there are none: then each line says `program+0x1234`, which `addr2line` can be asked about.

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

/// Frames that are shown, at most.
const MOST: usize = 100;

/// Code of these crates is not shown where it begins or ends a stack.
const OURS: &[&str] = &["gort", "gort_runtime", "gort_sync"];
/// Nor is std's.
const STD: &[&str] = &["core", "std", "alloc", "__rust_try"];

/// The stack of goroutine `id`, innermost function first, in lines to be printed below it; empty
/// unless it is parked and may be observed. `gp` is its G, at least the last time we looked.
pub(crate) fn stack_of(gp: NonNull<G>, id: GoroutineId) -> String {
    let mut stack = Stack {
        context: ptr::null_mut(),
        seen_first: false,
        pcs: [ptr::null_mut(); MOST],
        len: 0,
    };
    // SAFETY: a G for ever (`record/mod.rs`, promise 1), of which atomics are read, and `buf` under the claim.
    let g = unsafe { gp.as_ref() };
    gstatus::observe(&g.status, || {
        if GoroutineId::new(g.id()) == id {
            // SAFETY: clauses of `call_from`: `collect` gets the `Stack` that it is meant for, which we leave alone
            // meanwhile; and the context is saved and stays so, as we have claimed the goroutine (`gstatus.rs`), whose
            // Waiting we acquired.
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
    /// Where it begins.
    context: *mut u8,
    /// The frames of the observer have been passed.
    seen_first: bool,
    /// Return addresses, innermost first.
    pcs: [*mut u8; MOST],
    len: usize,
}

/// Called as if by the goroutine: collects its frames into the `Stack` at `arg`.
///
/// # Safety
/// `arg` is a `Stack` that nobody else touches meanwhile, and its context is a saved one.
unsafe extern "C" fn collect(arg: *mut u8) {
    // SAFETY: caller's clause: it is a `Stack`, and ours during the call.
    let stack = unsafe { &mut *arg.cast::<Stack>() };
    // SAFETY: `each_frame` gets the `Stack` that it is meant for, which we leave alone meanwhile, and does not unwind.
    unsafe { _Unwind_Backtrace(each_frame, ptr::from_mut(stack).cast()) };
}

// The unwinder that std uses, and links: libgcc's or LLVM's. Several threads may use it at once.
unsafe extern "C" {
    fn _Unwind_Backtrace(
        each: unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        arg: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

/// What an `_Unwind_Trace_Fn` returns to see the next frame, and to see no more.
const GO_ON: c_int = 0;
const ENOUGH: c_int = 4;

/// Called by the unwinder for each frame: adds its address to the `Stack` at `arg`.
///
/// # Safety
/// `frame` is the unwinder's, and `arg` a `Stack` with a saved context that nobody else touches meanwhile.
unsafe extern "C" fn each_frame(frame: *mut c_void, arg: *mut c_void) -> c_int {
    // SAFETY: caller's clause: it is a `Stack`, and ours during the call.
    let stack = unsafe { &mut *arg.cast::<Stack>() };
    // SAFETY: caller's clause: it is the unwinder's.
    let pc = ptr::without_provenance_mut::<u8>(unsafe { _Unwind_GetIP(frame) });
    // SAFETY: caller's clause: the context is a saved one.
    let first = unsafe { arch::saved_pc(stack.context) };
    stack.seen_first |= pc == first;
    // The last one of a goroutine is null.
    if stack.seen_first && !pc.is_null() {
        stack.pcs[stack.len] = pc;
        stack.len += 1;
    }
    if stack.len < MOST { GO_ON } else { ENOUGH }
}

/// One function of a stack; several, if calls were inlined, have one address.
struct Function {
    name: String,
    file: Option<PathBuf>,
    line: Option<u32>,
}

impl Function {
    /// False for the runtime's and std's own.
    fn is_the_users(&self) -> bool {
        // Where debug information is line tables only, an inlined function's name is without
        // its path; so the file decides, if it is known.
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

/// `/…/gort-sync-0.1.0/src/mutex.rs` belongs to `gort_sync`.
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

/// `<std::vec::Vec<T> as user::Trait>::f` belongs to `std`.
fn crate_of(name: &str) -> &str {
    name.trim_start_matches(['<', '&', '*', '(', '['])
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default()
}

/// The lines about a stack.
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

/// What can be said of an address without its name.
fn place_of(pc: *mut u8) -> String {
    object_at(pc).map_or_else(|| format!("{pc:p}"), |object| object.place(pc))
}

/// Leaves out what the runtime and std contribute at both ends; nothing, if that is everything.
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
