//! Finds the name under which a crate depends on gort. It reads the crate's Cargo.toml, since a
//! procedural macro has no `$crate`.
//!
//! This is not a TOML parser. It looks for one thing, a dependency with `package = "gort"`, in the
//! forms in which people and `cargo add` write it:
//!
//! ```text
//! [dependencies]                       [dependencies.g]            [dependencies]
//! g = { package = "gort", … }          package = "gort"            g.package = "gort"
//! ```
//!
//! `dependencies` may also be `dev-dependencies`, or follow a `target.'…'`. If such a line says
//! `workspace = true`, the workspace's own Cargo.toml defines the name in
//! `[workspace.dependencies]`. If nothing is found, gort is called `gort`, as in nearly all crates.
//! For a manifest that cannot be read this way, users can write `extern crate … as gort;`.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

/// Returns the name that the crate being compiled uses for gort.
///
/// The result is cached for the last crate: rustc compiles one crate, rust-analyzer one after
/// another. Cargo recompiles a crate if its manifest has changed.
pub(crate) fn name_of_gort() -> String {
    static LAST: Mutex<Option<(String, String)>> = Mutex::new(None);

    let Ok(folder) = env::var("CARGO_MANIFEST_DIR") else {
        return "gort".to_owned();
    };
    // A poisoned cache is not used: a wrong name would cause an incomprehensible error. (No code
    // below panics.)
    let Ok(mut last) = LAST.lock() else {
        return look_up(Path::new(&folder));
    };
    match &*last {
        Some((known, name)) if *known == folder => name.clone(),
        _ => {
            let name = look_up(Path::new(&folder));
            *last = Some((folder, name.clone()));
            name
        }
    }
}

/// Reads the manifest in `folder`, and the workspace's manifest if the first one refers to it.
fn look_up(folder: &Path) -> String {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let inherited = || {
        folder
            .ancestors()
            .filter_map(|above| fs::read_to_string(above.join("Cargo.toml")).ok())
            .find(|text| {
                lines(text).any(|line| line.path.first().is_some_and(|first| first == "workspace"))
            })
    };
    name_in(&manifest, inherited).unwrap_or_else(|| "gort".to_owned())
}

/// Returns the name of gort among the dependencies of a manifest. `workspace` returns the
/// workspace's manifest.
fn name_in(manifest: &str, workspace: impl FnOnce() -> Option<String>) -> Option<String> {
    let mut inherited = Vec::new();
    for (name, what) in dependencies(manifest, false) {
        match what {
            Said::Gort => return Some(as_ident(&name)),
            Said::Workspace => inherited.push(name),
        }
    }
    // For `gort = { workspace = true }` the workspace need not be read: the name is `gort`.
    if inherited.iter().all(|name| name == "gort") {
        return None;
    }
    dependencies(&workspace()?, true)
        .into_iter()
        .find(|(name, what)| matches!(what, Said::Gort) && inherited.contains(name))
        .map(|(name, _)| as_ident(&name))
}

/// What a manifest says about a dependency.
enum Said {
    /// Its package is gort.
    Gort,
    /// The workspace's manifest defines it.
    Workspace,
}

/// Returns the dependencies of a manifest, or of its `[workspace]`, about which it says one of
/// [`Said`].
fn dependencies(manifest: &str, of_workspace: bool) -> Vec<(String, Said)> {
    let mut found = Vec::new();
    for line in lines(manifest) {
        let path: Vec<_> = line.path.iter().map(String::as_str).collect();
        if (path.first() == Some(&"workspace")) != of_workspace {
            continue;
        }
        let Some(at) = path
            .iter()
            .position(|part| matches!(*part, "dependencies" | "dev-dependencies"))
        else {
            continue;
        };
        let said = match &path[at + 1..] {
            [name] => in_table(&line.value).map(|said| (*name, said)),
            [name, key] => said(key, &line.value).map(|said| (*name, said)),
            _ => None,
        };
        found.extend(said.map(|(name, said)| (name.to_owned(), said)));
    }
    found
}

/// A line `key = value`, or the head of a section, which has no value.
struct Line {
    /// The section's path, followed by the key's.
    path: Vec<String>,
    value: String,
}

/// Returns the logical lines of a text: a list in brackets or braces may span several lines.
fn lines(text: &str) -> impl Iterator<Item = Line> {
    let mut section = Vec::new();
    let mut open = String::new();
    let mut in_long_string = false;
    text.lines().filter_map(move |line| {
        if line.matches("\"\"\"").count() % 2 == 1 {
            in_long_string = !in_long_string;
            return None;
        }
        if in_long_string {
            return None;
        }
        open.push_str(without_comment(line).trim());
        if is_open(&open) {
            open.push(' ');
            return None;
        }
        let line = std::mem::take(&mut open);
        if let Some(header) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = path(header.trim_matches(['[', ']']));
            return Some(Line {
                path: section.clone(),
                value: String::new(),
            });
        }
        let equals = outside_quotes(&line, '=')?;
        let mut whole = section.clone();
        whole.extend(path(&line[..equals]));
        Some(Line {
            path: whole,
            value: line[equals + 1..].trim().to_owned(),
        })
    })
}

/// Returns what an inline table `{ key = value, … }` says about its dependency.
fn in_table(value: &str) -> Option<Said> {
    let inside = value.strip_prefix('{')?.trim_end().strip_suffix('}')?;
    let mut rest = inside;
    while !rest.is_empty() {
        let end = outside_quotes(rest, ',').unwrap_or(rest.len());
        if let Some(equals) = outside_quotes(&rest[..end], '=')
            && let Some(said) = said(unquoted(&rest[..equals]), rest[equals + 1..end].trim())
        {
            return Some(said);
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    None
}

fn said(key: &str, value: &str) -> Option<Said> {
    match (key, unquoted(value)) {
        ("package", "gort") => Some(Said::Gort),
        ("workspace", "true") => Some(Said::Workspace),
        _ => None,
    }
}

/// Splits a path such as `a."b.c".d` into its parts.
fn path(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(dot) = outside_quotes(rest, '.') {
        parts.push(unquoted(&rest[..dot]).to_owned());
        rest = &rest[dot + 1..];
    }
    parts.push(unquoted(rest).to_owned());
    parts
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

fn without_comment(line: &str) -> &str {
    match outside_quotes(line, '#') {
        Some(at) => &line[..at],
        None => line,
    }
}

/// Returns the position of the first `wanted` outside quotes and brackets.
fn outside_quotes(text: &str, wanted: char) -> Option<usize> {
    outside(text)
        .find(|&(_, c, depth)| c == wanted && depth == 0)
        .map(|(at, _, _)| at)
}

/// Returns whether a bracket or brace has not been closed.
fn is_open(text: &str) -> bool {
    outside(text).last().is_some_and(|(_, _, depth)| depth > 0)
}

/// Returns the characters outside quotes: position, character, and depth in brackets and braces.
fn outside(text: &str) -> impl Iterator<Item = (usize, char, usize)> {
    let mut quote = None;
    let mut depth = 0_usize;
    text.char_indices().filter_map(move |(at, c)| {
        match (quote, c) {
            (Some(open), _) => {
                if c == open {
                    quote = None;
                }
                return None;
            }
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        Some((at, c, depth))
    })
}

/// Returns Rust's name for a crate that Cargo calls `name`.
fn as_ident(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(manifest: &str) -> Option<String> {
        name_in(manifest, || panic!("nothing here is inherited"))
    }

    #[test]
    fn the_name_is_found_in_every_form_of_a_dependency() {
        for manifest in [
            "[dependencies]\ng-o = { package = \"gort\", version = \"1\" }",
            "[dependencies]\nother = \"1\"\ng-o = { version = \"1\", features = [\"a\", \"b\"], package = 'gort' } # so",
            "[dependencies.g-o]\nversion = \"1\"\npackage = \"gort\"",
            "[ dev-dependencies . \"g-o\" ]\npackage=\"gort\"",
            "[dependencies]\ng-o.version = \"1\"\ng-o.package = \"gort\"",
            "[target.'cfg(target_os = \"linux\")'.dependencies]\ng-o = { package = \"gort\" }",
            "[target.\"a.b\".dependencies.g-o]\npackage = \"gort\"",
            "[dependencies]\ng-o = { features = [\n  \"a\", # [\n  \"]\",\n], package = \"gort\" }",
            "[package]\ndescription = \"\"\"\n[ {\n\"\"\"\n[dependencies]\ng-o = { package = \"gort\" }",
        ] {
            assert_eq!(name(manifest).as_deref(), Some("g_o"), "{manifest}");
        }
    }

    #[test]
    fn a_manifest_without_gort_under_another_name_gives_no_name() {
        for manifest in [
            "",
            "[dependencies]\ngort = \"1\"",
            "[dependencies]\ngort = { workspace = true }",
            "[dependencies]\n# g = { package = \"gort\" }",
            "[dependencies]\ng = { package = \"gortex\" }",
            "[dependencies]\ng = { path = \"package = 'gort'\" }",
            "[package]\nname = \"g\"\npackage = \"gort\"",
            "[workspace.dependencies]\ng = { package = \"gort\" }",
            "[patch.crates-io]\ng = { package = \"gort\" }",
        ] {
            assert_eq!(name(manifest), None, "{manifest}");
        }
    }

    #[test]
    fn an_inherited_name_is_looked_up_in_the_workspace() {
        let workspace = "[workspace]\nmembers = [\n  \"a\",\n]\n[workspace.dependencies]\nh = { package = \"gort\" }\ng = { package = \"gort\" }";
        let found = |manifest| name_in(manifest, || Some(workspace.to_owned()));
        assert_eq!(
            found("[dependencies]\ng = { workspace = true }").as_deref(),
            Some("g")
        );
        assert_eq!(
            found("[dependencies]\ng.workspace = true").as_deref(),
            Some("g")
        );
        assert_eq!(
            found("[dependencies.h]\nworkspace = true").as_deref(),
            Some("h")
        );
        assert_eq!(found("[dependencies]\nother.workspace = true"), None);
    }
}
