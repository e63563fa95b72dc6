//! The functions of a stack: their names and lines, and which of them belong to the program.

use crate::report::objects::object_at;
use crate::report::symbols::look_up;
use std::path::{Path, PathBuf};

/// Functions of these crates are left out at the beginning and at the end of a stack.
const OURS: &[&str] = &["gort", "gort_runtime", "gort_sync"];
/// Functions of these parts of the standard library are left out as well.
const STD: &[&str] = &["core", "std", "alloc", "__rust_try"];

/// A function of a stack. If calls were inlined, several functions have one address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) file: Option<PathBuf>,
    pub(crate) line: Option<u32>,
}

impl Function {
    /// Returns `false` for functions of the runtime and of std.
    fn is_the_users(&self) -> bool {
        // If debug information has line tables only, the name of an inlined function lacks its
        // path. So the file decides, if it is known.
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

/// Returns the crate of a source file: `gort_sync` for `/…/gort-sync-0.1.0/src/mutex.rs`.
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

/// Returns the crate with which a function's name begins:
/// `std` for `<std::vec::Vec<T> as user::Trait>::f`.
fn crate_of(name: &str) -> &str {
    name.trim_start_matches(['<', '&', '*', '(', '['])
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default()
}

/// Returns the functions that these return addresses belong to, innermost first.
pub(crate) fn functions_at(pcs: &[*mut u8]) -> Vec<Function> {
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
    functions
}

/// Describes an address that has no name.
fn place_of(pc: *mut u8) -> String {
    object_at(pc).map_or_else(|| format!("{pc:p}"), |object| object.place(pc))
}

/// Removes the functions of the runtime and of std at both ends of a stack. If the stack has no
/// other functions, removes nothing. If the stack is cut off, its outer frames are kept.
pub(crate) fn users_part(functions: &[Function], cut_off: bool) -> &[Function] {
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
    fn the_users_functions_are_recognised_by_their_file_or_else_by_their_name() {
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
