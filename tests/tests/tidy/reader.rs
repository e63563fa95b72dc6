//! Reads a crate as rustc does: from `lib.rs` along the `mod` declarations, and then the items of
//! each file.
//!
//! Items that are compiled only for tests (`#[cfg(test)]`, inline or in files of their own) are
//! left out. Files that are compiled only for the models (`cfg(loom)`) are counted, but their names
//! and paths are not read: names and paths are those of the program that users compile, for all
//! processors at once.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Ident, ImplItem, Item, ItemMod, Macro, Stmt, TraitItem, UseTree, Visibility,
};

use crate::cfg::{Attrs, Built, kept, may_hold, only_for_tests, paths_of};
use crate::sources::{AS_THREADS, Crate, File, Import, Mention, Module, Names, Type};
use crate::tokens;

/// Reads the crate whose files are `texts`, by their paths below `src/`. Files that no `mod` leads
/// to remain in `texts`.
pub(crate) fn read(name: &str, texts: &mut BTreeMap<String, String>) -> Crate {
    let mut reader = Reader {
        texts,
        found: Crate {
            name: name.to_owned(),
            ..Crate::default()
        },
        module: 0,
        file: 0,
        for_users: true,
        blocks: 0,
        folder: String::new(),
        later: Vec::new(),
        only_for_tests: Vec::new(),
    };
    reader.file(Place {
        path: "lib.rs".to_owned(),
        ..Place::default()
    });
    reader.for_users = false;
    while let Some(place) = reader.later.pop() {
        reader.file(place);
    }
    for below in &reader.only_for_tests {
        reader.texts.retain(|path, _| !path.starts_with(below));
    }
    reader.found
}

/// The state of reading: the current file and module.
struct Reader<'a> {
    /// The files that have not been read yet.
    texts: &'a mut BTreeMap<String, String>,
    found: Crate,
    module: usize,
    file: usize,
    /// Whether users compile the current place.
    for_users: bool,
    /// How many function bodies the current place is in.
    blocks: usize,
    /// The folder with the files of modules that are declared here.
    folder: String,
    /// Files that only the models have, or that are one module for users and another one for the
    /// models.
    later: Vec<Place>,
    /// The files, and folders with a slash, of modules that only tests have.
    only_for_tests: Vec<String>,
}

/// A file and the module that it is read as.
#[derive(Default)]
struct Place {
    path: String,
    module: Names,
    /// The folder with the files of its own modules.
    folder: String,
    is_form: bool,
}

impl Reader<'_> {
    /// Reads a file, or postpones it.
    fn file_of_module(&mut self, place: Place) {
        if self.for_users {
            self.file(place);
        } else {
            self.later.push(place);
        }
    }

    fn file(&mut self, place: Place) {
        let path = place.path;
        let Some(text) = self.texts.remove(&path) else {
            let known = self.found.files.iter().any(|file| file.path == path);
            assert!(
                known,
                "{}: `mod {}` has no file src/{path}",
                self.found.name,
                place.module.join("::")
            );
            return;
        };
        let syntax = syn::parse_file(&text)
            .unwrap_or_else(|e| panic!("{}/src/{path}: {e}", self.found.name));
        let outer = (self.module, self.file, self.folder.clone());
        self.file = self.found.files.len();
        self.found.files.push(File {
            path,
            text,
            module: place.module.clone(),
            is_form: place.is_form,
            for_users: self.for_users,
            unsafe_blocks: 0,
            tests: Vec::new(),
        });
        self.folder = place.folder;
        self.contents(place.module, &syntax.items);
        (self.module, self.file, self.folder) = outer;
    }

    fn contents(&mut self, path: Names, items: &[Item]) {
        let outer = self.module;
        self.module = self.found.modules.len();
        self.found.modules.push(Module {
            path,
            file: self.file,
            declared: BTreeSet::new(),
            imports: Vec::new(),
            globs: Vec::new(),
        });
        items.iter().for_each(|item| self.visit_item(item));
        self.module = outer;
    }

    /// Reads `mod name { … }` or `mod name;`, in all forms.
    fn declared_module(&mut self, item: &ItemMod) {
        let name = item.ident.to_string();
        let mut path = self.found.modules[self.module].path.clone();
        path.push(name.clone());
        let outer = self.folder.clone();
        if let Some((_, items)) = &item.content {
            self.folder = format!("{outer}{name}/");
            self.contents(path, items);
            self.folder = outer;
            return;
        }
        let mut forms = paths_of(&item.attrs);
        forms.retain(|(form, _)| !form.contains(AS_THREADS));
        let beside = self.beside();
        let for_users = self.for_users;
        // A plain `#[path]` replaces the file that the name stands for.
        let replaced = forms.iter().any(|(_, condition)| condition.is_none());
        for (form, condition) in forms {
            self.for_users = for_users && condition.is_none_or(|c| may_hold(&c, Built::ForUsers));
            self.file_of_module(Place {
                path: plain(&format!("{beside}{form}")),
                module: path.clone(),
                folder: beside.clone(),
                is_form: true,
            });
        }
        self.for_users = for_users;
        if !replaced {
            let folder = format!("{outer}{name}/");
            let flat = format!("{outer}{name}.rs");
            let in_folder = format!("{folder}mod.rs");
            self.file_of_module(Place {
                path: if self.texts.contains_key(&in_folder) {
                    in_folder
                } else {
                    flat
                },
                module: path,
                folder,
                is_form: false,
            });
        }
    }

    /// Notes the files of a module that only tests have.
    fn pass_over(&mut self, item: &ItemMod) {
        if item.content.is_none() {
            let below = format!("{}{}", self.folder, item.ident);
            self.only_for_tests.push(format!("{below}.rs"));
            self.only_for_tests.push(format!("{below}/"));
            let forms = paths_of(&item.attrs).into_iter();
            let beside = self.beside();
            self.only_for_tests
                .extend(forms.map(|(form, _)| plain(&format!("{beside}{form}"))));
        }
    }

    /// Returns the folder of the current file.
    fn beside(&self) -> String {
        match self.found.files[self.file].path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => String::new(),
        }
    }

    /// Adds a name to this module. For a type, also records its visibility.
    fn declare(&mut self, name: &Ident, of_type: Option<&Visibility>) {
        if self.blocks > 0 || !self.for_users {
            return;
        }
        let module = &mut self.found.modules[self.module];
        module.declared.insert(name.to_string());
        if let Some(visibility) = of_type {
            self.found.types.push(Type {
                name: name.to_string(),
                is_public: !matches!(visibility, Visibility::Inherited),
                module: module.path.clone(),
                file: self.file,
                line: line(name.span()),
            });
        }
    }

    /// Adds a path that is not an import.
    fn mention(&mut self, path: Names, line: usize) {
        if self.for_users {
            let module = self.module;
            self.found.mentions.push(Mention {
                is_import: false,
                is_public: false,
                module,
                path,
                line,
            });
        }
    }

    /// Adds a name that a `use` imports, or all names of a module (`None`). Imports in a function's
    /// body count as the module's, so that paths that begin with them can be resolved.
    fn import(&mut self, name: Option<String>, path: Names, is_public: bool, line: usize) {
        if !self.for_users {
            return;
        }
        let module = &mut self.found.modules[self.module];
        match name {
            Some(name) => module.imports.push(Import {
                name,
                path: path.clone(),
                is_public,
            }),
            None => module.globs.push(path.clone()),
        }
        let module = self.module;
        self.found.mentions.push(Mention {
            is_import: true,
            is_public,
            module,
            path,
            line,
        });
    }

    /// Adds what the tree of a `use` names, below the path `before`.
    fn use_tree(&mut self, before: &[String], tree: &UseTree, is_public: bool) {
        let with = |name: &Ident| [before, &[name.to_string()]].concat();
        let (name, here) = match tree {
            UseTree::Path(it) => return self.use_tree(&with(&it.ident), &it.tree, is_public),
            UseTree::Group(it) => {
                return it
                    .items
                    .iter()
                    .for_each(|tree| self.use_tree(before, tree, is_public));
            }
            UseTree::Glob(it) => {
                return self.import(
                    None,
                    before.to_vec(),
                    is_public,
                    line(it.star_token.spans[0]),
                );
            }
            UseTree::Name(it) => (&it.ident, &it.ident),
            UseTree::Rename(it) => (&it.ident, &it.rename),
        };
        // `a::{self}` imports `a` under that name.
        let path = if name == "self" {
            before.to_vec()
        } else {
            with(name)
        };
        let known = match path.last() {
            Some(last) if here == "self" => last.clone(),
            _ => here.to_string(),
        };
        self.import(Some(known), path, is_public, line(name.span()));
    }

    /// Returns whether the item with `attrs` is read. Notes the lines of a test.
    fn stays(&mut self, attrs: &[Attribute], lines: impl FnOnce() -> (usize, usize)) -> bool {
        if only_for_tests(attrs) {
            self.found.files[self.file].tests.push(lines());
        }
        kept(attrs, Built::ForUsers) || kept(attrs, Built::ForLoom)
    }

    /// Runs `read` for an item with `attrs`, after noting whether users compile it.
    fn read(&mut self, attrs: &[Attribute], read: impl FnOnce(&mut Self)) {
        let outer = self.for_users;
        self.for_users &= kept(attrs, Built::ForUsers);
        read(self);
        self.for_users = outer;
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !self.stays(item.attrs(), || lines_of(item)) {
            if let Item::Mod(it) = item {
                self.pass_over(it);
            }
            return;
        }
        self.read(item.attrs(), |reader| {
            match item {
                Item::Mod(it) => return reader.declared_module(it),
                Item::Use(it) if it.leading_colon.is_some() => return,
                Item::Use(it) => {
                    let is_public = !matches!(it.vis, Visibility::Inherited);
                    return reader.use_tree(&[], &it.tree, is_public);
                }
                Item::Const(it) => reader.declare(&it.ident, None),
                Item::Static(it) => reader.declare(&it.ident, None),
                Item::Fn(it) => reader.declare(&it.sig.ident, None),
                Item::Struct(it) => reader.declare(&it.ident, Some(&it.vis)),
                Item::Enum(it) => reader.declare(&it.ident, Some(&it.vis)),
                Item::Union(it) => reader.declare(&it.ident, Some(&it.vis)),
                Item::Type(it) => reader.declare(&it.ident, Some(&it.vis)),
                Item::Trait(it) => reader.declare(&it.ident, Some(&it.vis)),
                Item::Macro(it) => it.ident.iter().for_each(|name| reader.declare(name, None)),
                _ => {}
            }
            visit::visit_item(reader, item);
        });
    }

    fn visit_foreign_item(&mut self, item: &'ast syn::ForeignItem) {
        match item {
            syn::ForeignItem::Fn(it) => self.declare(&it.sig.ident, None),
            syn::ForeignItem::Static(it) => self.declare(&it.ident, None),
            _ => {}
        }
        visit::visit_foreign_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if self.stays(item.attrs(), || lines_of(item)) {
            self.read(item.attrs(), |reader| visit::visit_impl_item(reader, item));
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if self.stays(item.attrs(), || lines_of(item)) {
            self.read(item.attrs(), |reader| visit::visit_trait_item(reader, item));
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if self.stays(field.attrs(), || lines_of(field)) {
            self.read(field.attrs(), |reader| visit::visit_field(reader, field));
        }
    }

    fn visit_stmt(&mut self, stmt: &'ast Stmt) {
        match stmt {
            // `visit_item` checks the item's attributes itself.
            Stmt::Item(item) => self.visit_item(item),
            _ if self.stays(stmt.attrs(), || lines_of(stmt)) => {
                self.read(stmt.attrs(), |reader| visit::visit_stmt(reader, stmt));
            }
            _ => {}
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.blocks += 1;
        visit::visit_block(self, block);
        self.blocks -= 1;
    }

    fn visit_expr_unsafe(&mut self, expr: &'ast syn::ExprUnsafe) {
        self.found.files[self.file].unsafe_blocks += 1;
        visit::visit_expr_unsafe(self, expr);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names = path.segments.iter().map(|s| s.ident.to_string()).collect();
            self.mention(names, line(path.segments[0].ident.span()));
        }
        visit::visit_path(self, path);
    }

    /// Reads a macro's arguments and the bodies of `macro_rules!` as tokens: what looks like a path
    /// counts as one. Skips `quote!`, whose tokens belong to another program.
    fn visit_macro(&mut self, it: &'ast Macro) {
        self.visit_path(&it.path);
        let quoted = |s: &syn::PathSegment| s.ident.to_string().contains("quote");
        if it.path.segments.last().is_some_and(quoted) {
            return;
        }
        let seen = tokens::scan(it.tokens.clone());
        self.found.files[self.file].unsafe_blocks += seen.unsafe_blocks;
        for (names, span) in seen.paths {
            self.mention(names, line(span));
        }
    }

    // Attributes and `pub(in …)` do not use what they name.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

/// Returns `path` without `folder/..`.
fn plain(path: &str) -> String {
    let mut names = Vec::new();
    for name in path.split('/') {
        if name != ".." || names.pop().is_none() {
            names.push(name);
        }
    }
    names.join("/")
}

fn line(span: Span) -> usize {
    span.start().line
}

/// Returns the first and the last line of `it`.
fn lines_of(it: &impl syn::spanned::Spanned) -> (usize, usize) {
    let span = it.span();
    (span.start().line, span.end().line)
}
