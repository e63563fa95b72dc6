//! What the checks know of a crate: its files, their modules, and the items in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::reader;

/// A path as it is written, split into names.
pub(crate) type Names = Vec<String>;

/// A file that is compiled into the crate, or into its models.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path below `src/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The module that the file is. For a file that `#[path]` names, the module that it replaces.
    pub(crate) module: Names,
    /// Whether `#[path]` names the file: then it is one of several forms of a module.
    pub(crate) is_form: bool,
    /// Whether users compile it.
    pub(crate) for_users: bool,
    /// Number of `unsafe { … }` blocks outside tests.
    pub(crate) unsafe_blocks: usize,
    /// The first and last lines of items that are tests.
    pub(crate) tests: Vec<(usize, usize)>,
}

impl File {
    /// Returns the file's name in the graph: `proc::g`, or `stack` for `stack/mod.rs`.
    pub(crate) fn name(&self) -> String {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let stem = stem.strip_suffix("/mod").unwrap_or(stem);
        stem.replace('/', "::")
    }
}

/// The contents of a module. A module of several forms (`arch::imp`) has several of these.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) path: Names,
    pub(crate) file: usize,
    /// The names that it declares.
    pub(crate) declared: BTreeSet<String>,
    /// The names in its `use` items, including re-exports.
    pub(crate) imports: Vec<Import>,
    /// The paths of `use …::*`.
    pub(crate) globs: Vec<Names>,
}

/// A name that a `use` imports.
#[derive(Debug)]
pub(crate) struct Import {
    /// The name that it has here.
    pub(crate) name: String,
    pub(crate) path: Names,
    /// Whether it is a `pub use`, with any visibility.
    pub(crate) is_public: bool,
}

/// A path somewhere in a file.
#[derive(Debug)]
pub(crate) struct Mention {
    /// Whether a `use` names it.
    pub(crate) is_import: bool,
    /// Whether a `pub use` names it, with any visibility.
    pub(crate) is_public: bool,
    /// The index of the module that contains it.
    pub(crate) module: usize,
    pub(crate) path: Names,
    pub(crate) line: usize,
}

/// A type or trait declared outside functions.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) name: String,
    /// Whether other modules can name it.
    pub(crate) is_public: bool,
    pub(crate) module: Names,
    pub(crate) file: usize,
    pub(crate) line: usize,
}

/// The folder of goroutines as threads, which is not read: its modules have the names of those that
/// they replace (see its `README.md`).
pub(crate) const AS_THREADS: &str = "threads/";

/// The sources of a crate.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) files: Vec<File>,
    pub(crate) modules: Vec<Module>,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) types: Vec<Type>,
    /// Files below `src/` that no `mod` declares.
    pub(crate) strays: Vec<String>,
}

impl Crate {
    /// Reads the crate in `folder`.
    pub(crate) fn read(folder: &Path, name: &str) -> Crate {
        let mut texts = BTreeMap::new();
        collect(&folder.join(name).join("src"), "", &mut texts);
        Crate::of(name, texts)
    }

    /// Makes a crate of `texts`, by their paths below `src/`.
    pub(crate) fn of(name: &str, mut texts: BTreeMap<String, String>) -> Crate {
        texts.retain(|path, _| !path.starts_with(AS_THREADS));
        let mut found = reader::read(name, &mut texts);
        found.strays = texts
            .into_keys()
            .filter(|path| !path.starts_with("tests/"))
            .collect();
        found
    }

    /// Returns a path like `gort-sync/src/once/mod.rs`, for messages.
    pub(crate) fn place(&self, file: usize) -> String {
        format!("{}/src/{}", self.name, self.files[file].path)
    }

    /// Returns whether the file has a folder: it is a `mod.rs`, or other files are modules in it.
    pub(crate) fn has_folder(&self, file: &File) -> bool {
        file.path.ends_with("/mod.rs")
            || self.files.iter().any(|other| {
                other.module.len() == file.module.len() + 1
                    && other.module.starts_with(&file.module)
                    && !file.is_form
                    && !other.is_form
            })
    }
}

/// Collects the Rust sources in `folder`, by their paths below the first folder.
fn collect(folder: &Path, below: &str, texts: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), texts);
        } else if name.ends_with(".rs") {
            texts.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}
