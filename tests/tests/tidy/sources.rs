//! What the checks know of a crate: its files, the modules that they are, and what stands in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::reader;

/// A path as it is written, one name an element.
pub(crate) type Names = Vec<String>;

/// A file that is compiled into the crate, or into its models.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path below `src/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The module that it is; of a file that `#[path]` names, the module that it stands for.
    pub(crate) module: Names,
    /// It is named by `#[path]`: one of several forms of a module.
    pub(crate) is_form: bool,
    /// Users compile it.
    pub(crate) for_users: bool,
    /// Blocks `unsafe { … }`, tests excepted.
    pub(crate) unsafe_blocks: usize,
    /// The lines of items that are tests, first and last.
    pub(crate) tests: Vec<(usize, usize)>,
}

impl File {
    /// The file as the graph names it: `proc::g`, `stack` for `stack/mod.rs`.
    pub(crate) fn name(&self) -> String {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let stem = stem.strip_suffix("/mod").unwrap_or(stem);
        stem.replace('/', "::")
    }
}

/// What a module has in it. A module of several forms (`arch::imp`) has several of these.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) path: Names,
    pub(crate) file: usize,
    /// The names that it declares.
    pub(crate) declared: BTreeSet<String>,
    /// What its `use` items name, re-exports included.
    pub(crate) imports: Vec<Import>,
    /// The paths of `use …::*`.
    pub(crate) globs: Vec<Names>,
}

/// A name that a `use` brings.
#[derive(Debug)]
pub(crate) struct Import {
    /// As it is called here.
    pub(crate) name: String,
    pub(crate) path: Names,
    /// A `pub use`, for whomever.
    pub(crate) is_public: bool,
}

/// A path somewhere in a file.
#[derive(Debug)]
pub(crate) struct Mention {
    /// It is what a `use` names.
    pub(crate) is_import: bool,
    /// It is what a `pub use` names, for whomever.
    pub(crate) is_public: bool,
    /// The module that it stands in, an index.
    pub(crate) module: usize,
    pub(crate) path: Names,
    pub(crate) line: usize,
}

/// A declaration of a type or trait outside of functions.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) name: String,
    /// Other modules can name it.
    pub(crate) is_public: bool,
    pub(crate) module: Names,
    pub(crate) file: usize,
    pub(crate) line: usize,
}

/// Where the second lower half of the runtime lies, which is not looked at: it has the names of the first (its `README.md`).
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

    /// The crate whose files are `texts`, by their paths below `src/`.
    pub(crate) fn of(name: &str, mut texts: BTreeMap<String, String>) -> Crate {
        texts.retain(|path, _| !path.starts_with(AS_THREADS));
        let mut found = reader::read(name, &mut texts);
        found.strays = texts
            .into_keys()
            .filter(|path| !path.starts_with("tests/"))
            .collect();
        found
    }

    /// `gort-sync/src/once/mod.rs`, for messages.
    pub(crate) fn place(&self, file: usize) -> String {
        format!("{}/src/{}", self.name, self.files[file].path)
    }

    /// Whether other files of the crate are modules in this one, or it is a folder's `mod.rs`.
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

/// The Rust sources in `folder`, by their paths below the first.
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
