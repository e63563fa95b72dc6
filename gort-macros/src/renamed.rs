//! The name under which the user's crate knows gort: `gort`, or what its Cargo.toml calls it.
//!
//! ```text
//! [dependencies]
//! g = { package = "gort", version = "0.1" }        so an expansion says ::g::__macro::…
//! ```
//!
//! A procedural macro has no `$crate`, so the manifest is looked at, as far as this needs: dependencies in any table
//! that ends with `dependencies`, with the package's name beside them or in the workspace's manifest. Whatever cannot be
//! read or understood leaves the name `gort`, which is right for everybody who has not renamed it; and
//! `extern crate g as gort;` at the root of a crate always helps.
//!
//! rustc runs a new process per crate, but rust-analyzer one for all, so what was found is kept with the manifest it was
//! found in and the time that had been written.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

const PACKAGE: &str = "gort";

/// The manifest, when it was written, the name in it.
type Found = (PathBuf, Option<SystemTime>, String);

static LAST: Mutex<Option<Found>> = Mutex::new(None);

/// The name for paths in an expansion.
pub(crate) fn crate_name() -> String {
    let Some(folder) = env::var_os("CARGO_MANIFEST_DIR") else {
        return PACKAGE.to_owned();
    };
    let folder = PathBuf::from(folder);
    let manifest = folder.join("Cargo.toml");
    let written = fs::metadata(&manifest)
        .and_then(|meta| meta.modified())
        .ok();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((path, time, name)) = &*last
        && (path, time) == (&manifest, &written)
    {
        return name.clone();
    }
    let name = fs::read_to_string(&manifest)
        .ok()
        .and_then(|text| name_in(&text, || workspace(&folder)))
        .unwrap_or_else(|| PACKAGE.to_owned());
    *last = Some((manifest, written, name.clone()));
    name
}

/// The manifest of the workspace that `folder` is in.
fn workspace(folder: &Path) -> Option<String> {
    folder.ancestors().find_map(|folder| {
        let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let is_root = |line: &str| header(line.trim()).is_some_and(|keys| keys[0] == "workspace");
        text.lines().any(is_root).then_some(text)
    })
}

/// The name of gort in a manifest: itself if it is a dependency under its own name, else the first other one.
fn name_in(manifest: &str, workspace: impl FnOnce() -> Option<String>) -> Option<String> {
    let dependencies: Vec<Dependency> = dependencies(manifest)
        .into_iter()
        .filter(|one| !one.of_workspace)
        .collect();
    let mut inherited = Vec::new();
    if dependencies.iter().any(|one| one.inherits) {
        inherited = self::dependencies(&workspace().unwrap_or_default());
        inherited.retain(|one| one.of_workspace);
    }
    let package = |one: &Dependency| {
        let source = inherited
            .iter()
            .find(|other| one.inherits && other.key == one.key);
        let package = source.map_or(&one.package, |source| &source.package);
        package.clone().unwrap_or_else(|| one.key.clone())
    };
    let names: Vec<&str> = dependencies
        .iter()
        .filter(|one| package(one) == PACKAGE)
        .map(|one| one.key.as_str())
        .collect();
    let name = names.iter().find(|name| **name == PACKAGE);
    let name = name.or(names.first())?.replace('-', "_");
    is_name(&name).then_some(name)
}

fn is_name(text: &str) -> bool {
    let starts = text
        .chars()
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_');
    starts
        && text != "_"
        && text
            .chars()
            .all(|char| char.is_alphanumeric() || char == '_')
}

/// One dependency of a manifest.
#[derive(Debug, Default, PartialEq)]
struct Dependency {
    key: String,
    /// `package = "…"`.
    package: Option<String>,
    /// `workspace = true`.
    inherits: bool,
    /// It stands in `[workspace.dependencies]`.
    of_workspace: bool,
}

fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut all: Vec<Dependency> = Vec::new();
    let mut table: Vec<String> = Vec::new();
    for line in entries(manifest) {
        if let Some(keys) = header(&line) {
            table = keys;
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let path: Vec<String> = table.iter().cloned().chain(keys(key)).collect();
        let is_table = |key: &String| {
            ["dependencies", "dev-dependencies", "build-dependencies"].contains(&key.as_str())
        };
        let Some(at) = path.iter().position(is_table) else {
            continue;
        };
        // Behind the table: the dependency, and perhaps one of its keys.
        let Some(key) = path.get(at + 1) else {
            continue;
        };
        let of_workspace = path[0] == "workspace";
        let same = |one: &Dependency| one.key == *key && one.of_workspace == of_workspace;
        let at_end = all.last().is_some_and(same);
        if !at_end {
            all.push(Dependency {
                key: key.clone(),
                of_workspace,
                ..Dependency::default()
            });
        }
        let Some(dependency) = all.last_mut() else {
            continue;
        };
        match path.get(at + 2) {
            Some(inner) => set(dependency, inner, value.trim()),
            None => {
                let value = value.trim();
                let inner = value
                    .strip_prefix('{')
                    .and_then(|value| value.strip_suffix('}'));
                for pair in inner.map(|inner| split(inner, ',')).unwrap_or_default() {
                    if let Some((inner, value)) = pair.split_once('=') {
                        set(dependency, unquoted(inner), value.trim());
                    }
                }
            }
        }
    }
    all
}

fn set(dependency: &mut Dependency, key: &str, value: &str) {
    match key {
        "package" => dependency.package = Some(unquoted(value).to_owned()),
        "workspace" => dependency.inherits = value == "true",
        _ => {}
    }
}

/// The lines without comments; what is in brackets over several is made one.
fn entries(manifest: &str) -> Vec<String> {
    let mut entries = Vec::new();
    let mut entry = String::new();
    for line in manifest.lines() {
        entry.push_str(split(line, '#').first().map_or("", |line| line.trim()));
        let count = |brackets: [char; 2]| split_on(&entry, &brackets).len();
        if count(['[', '{']) <= count([']', '}']) {
            entries.push(std::mem::take(&mut entry));
        }
    }
    entries.push(entry);
    entries
}

/// The keys of `[a.b]`; of anything else nothing.
fn header(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    Some(keys(inner.trim_start_matches('[').trim_end_matches(']')))
}

/// The keys of `a."b.c".d`.
fn keys(path: &str) -> Vec<String> {
    let keys = split(path, '.');
    keys.into_iter()
        .map(|key| unquoted(key).to_owned())
        .collect()
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

/// The parts between the `separator`s that are not in quotes or brackets of their own.
fn split(text: &str, separator: char) -> Vec<&str> {
    split_on(text, &[separator])
}

fn split_on<'t>(text: &'t str, separators: &[char]) -> Vec<&'t str> {
    let (mut parts, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, char) in text.char_indices() {
        match quote {
            Some(open) if char == open => quote = None,
            Some(_) => {}
            None if char == '"' || char == '\'' => quote = Some(char),
            None if separators.contains(&char) => {
                parts.push(&text[start..at]);
                start = at + char.len_utf8();
            }
            None => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(manifest: &str) -> Option<String> {
        name_in(manifest, || None)
    }

    #[test]
    fn a_dependency_may_have_another_name() {
        for manifest in [
            "[dependencies]\ng = { package = \"gort\", version = \"0.1\" }",
            "[dependencies]\ng = { path = \"../gort\", package = 'gort' } # renamed",
            "[dependencies.g]\nversion = \"0.1\"\npackage = \"gort\"",
            "[dependencies]\ng.version = \"0.1\"\ng.package = \"gort\"",
            "dependencies.g = { package = \"gort\" }",
            "[dev-dependencies]\nserde = \"1\"\ng={package=\"gort\"}",
            "[target.'cfg(target_os = \"linux\")'.dependencies]\ng = { package = \"gort\" }",
            "[dependencies]\ng = { features = [\n  \"a\", # first\n  \"b\",\n], package = \"gort\" }",
        ] {
            assert_eq!(name(manifest).as_deref(), Some("g"), "{manifest}");
        }
        let dashed = "[dependencies]\nmy-gort = { package = \"gort\" }";
        assert_eq!(name(dashed).as_deref(), Some("my_gort"));
    }

    #[test]
    fn its_own_name_comes_first() {
        for manifest in [
            "[dependencies]\ngort = \"0.1\"",
            "[dependencies]\ngort.workspace = true",
            "[dependencies]\ng = { package = \"gort\" }\n[dev-dependencies]\ngort = { path = \".\" }",
        ] {
            assert_eq!(name(manifest).as_deref(), Some("gort"), "{manifest}");
        }
    }

    #[test]
    fn other_packages_are_not_taken_for_it() {
        for manifest in [
            "",
            "[package]\nname = \"gort\"",
            "[dependencies]\ngort = { package = \"other\" }",
            "[dependencies]\nserde = \"1\" # g = { package = \"gort\" }",
            "[workspace.dependencies]\ng = { package = \"gort\" }",
            "[package.metadata.x]\ng = { package = \"gort\" }",
            "[dependencies]\ng = { package = \"gort",
            "[dependencies]\n7 = { package = \"gort\" }",
            "[dependencies]\n'g h' = { package = \"gort\" }",
            "= = [ ]] {",
        ] {
            assert_eq!(name(manifest), None, "{manifest}");
        }
    }

    #[test]
    fn a_workspace_may_have_renamed_it() {
        let root =
            "[workspace]\n[workspace.dependencies]\nserde = \"1\"\ng = { package = \"gort\" }";
        for manifest in [
            "[dependencies]\ng.workspace = true",
            "[dependencies]\nserde.workspace = true\ng = { workspace = true, features = [] }",
            "[dependencies.g]\nworkspace = true",
        ] {
            let found = name_in(manifest, || Some(root.to_owned()));
            assert_eq!(found.as_deref(), Some("g"), "{manifest}");
        }
    }
}
