//! The graph of a crate's files, and the circles in it. An edge says that one file names another.
//!
//! A file points to another if a path in it (of a `use`, in code, in a macro's tokens or body)
//! leads to a name that the other declares. Re-exports are followed to the file that declares the
//! name. A path to a module points to its file.
//!
//! Two kinds of reference are not edges:
//! 1. A reference from a part to the module that it belongs to (`super::…`, from `stack/pool.rs` to
//!    `stack/mod.rs`), because a module and its parts are one thing in several files. A reference
//!    in the other direction, from the module's own code to a part, is an edge. So a circle that
//!    enters a folder by its `mod.rs` can continue through the parts.
//! 2. A re-export, in a module, of a name of one of its parts. A file that uses the name points to
//!    the part.
//!
//! The graph misses two kinds of reference: to a method or a field of a type that the file does not
//! name, and a single name that `use …::*` has imported.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::sources::Crate;

/// Maximum number of re-exports that follow each other.
const MAX_STEPS: usize = 16;

/// Files and the references between them. Files are indices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    /// For each edge, the line of the first reference.
    edges: BTreeMap<(usize, usize), usize>,
}

impl Graph {
    pub(crate) fn of(krate: &Crate) -> Graph {
        let resolver = Resolver::new(krate);
        let mut graph = Graph::default();
        for mention in &krate.mentions {
            let from = krate.modules[mention.module].file;
            let module = &krate.modules[mention.module];
            // A path of one name means a local item or an import. The `use` of an import is a
            // mention of its own, so the name adds nothing, unless the `use` is a re-export.
            let alone = mention.path.len() == 1 && !mention.is_import;
            if alone
                && !module
                    .imports
                    .iter()
                    .any(|it| it.is_public && it.name == mention.path[0])
            {
                continue;
            }
            for to in resolver.files(mention.module, &mention.path) {
                let (one, other) = (&krate.files[from].module, &krate.files[to].module);
                let to_its_own = one.starts_with(other);
                let offers_its_part = mention.is_public && other.starts_with(one);
                if to != from && !to_its_own && !offers_its_part {
                    let line = graph.edges.entry((from, to)).or_insert(mention.line);
                    *line = mention.line.min(*line);
                }
            }
        }
        graph
    }

    pub(crate) fn line(&self, from: usize, to: usize) -> Option<usize> {
        self.edges.get(&(from, to)).copied()
    }

    /// Removes `edge` and returns its line.
    pub(crate) fn remove(&mut self, edge: (usize, usize)) -> Option<usize> {
        self.edges.remove(&edge)
    }

    fn after(&self, file: usize) -> impl Iterator<Item = usize> {
        self.edges
            .range((file, 0)..=(file, usize::MAX))
            .map(|(&(_, to), _)| to)
    }

    /// Returns a shortest way from `from` to `to`, both included, of at least one step.
    pub(crate) fn way(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut came: BTreeMap<usize, usize> = BTreeMap::new();
        let mut next = VecDeque::from([from]);
        while let Some(file) = next.pop_front() {
            for neighbour in self.after(file) {
                if came.contains_key(&neighbour) {
                    continue;
                }
                came.insert(neighbour, file);
                if neighbour == to {
                    let mut way = vec![to];
                    let mut at = file;
                    while at != from {
                        way.push(at);
                        at = came[&at];
                    }
                    way.push(from);
                    way.reverse();
                    return Some(way);
                }
                next.push_back(neighbour);
            }
        }
        None
    }

    /// Returns the knots (strongly connected components): sets of at least two files, each of which
    /// leads to all others of its set.
    pub(crate) fn knots(&self) -> Vec<BTreeSet<usize>> {
        let files: BTreeSet<usize> = self.edges.keys().flat_map(|&(a, b)| [a, b]).collect();
        let reach: BTreeMap<_, _> = files.iter().map(|&file| (file, self.reach(file))).collect();
        let mut knots: Vec<BTreeSet<usize>> = Vec::new();
        for (file, reached) in &reach {
            let knot: BTreeSet<usize> = reached
                .iter()
                .copied()
                .filter(|other| reach[other].contains(file))
                .collect();
            if knot.len() > 1 && !knots.contains(&knot) {
                knots.push(knot);
            }
        }
        knots
    }

    /// Returns the files that `file` leads to. `file` itself is one of them only if it is in a
    /// circle.
    fn reach(&self, file: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut next = vec![file];
        while let Some(at) = next.pop() {
            next.extend(self.after(at).filter(|&to| reached.insert(to)));
        }
        reached
    }

    /// Returns circles that together go through every file of `knot`: a shortest one for each file,
    /// without duplicates.
    pub(crate) fn circles(&self, knot: &BTreeSet<usize>) -> Vec<Vec<usize>> {
        let mut circles: Vec<Vec<usize>> = Vec::new();
        for &file in knot {
            if circles.iter().any(|circle| circle.contains(&file)) {
                continue;
            }
            circles.extend(self.way(file, file));
        }
        circles
    }

    /// Returns the edges that are in all circles of `knot`.
    pub(crate) fn untying(&self, knot: &BTreeSet<usize>) -> Vec<(usize, usize)> {
        let one = knot.first().and_then(|&file| self.way(file, file));
        let unties = |&edge: &(usize, usize)| {
            let mut rest = self.clone();
            rest.remove(edge);
            rest.knots().iter().all(|other| other.is_disjoint(knot))
        };
        let edges = one
            .iter()
            .flat_map(|way| way.windows(2))
            .map(|step| (step[0], step[1]));
        edges.filter(unties).collect()
    }
}

/// Resolves paths in a crate's modules.
struct Resolver<'a> {
    krate: &'a Crate,
    /// The indices of each module's forms. A module has several if `cfg` chooses among files.
    modules: BTreeMap<&'a [String], Vec<usize>>,
}

impl<'a> Resolver<'a> {
    fn new(krate: &'a Crate) -> Self {
        let mut modules: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
        for (index, module) in krate.modules.iter().enumerate() {
            if krate.files[module.file].for_users {
                modules.entry(&module.path).or_default().push(index);
            }
        }
        Resolver { krate, modules }
    }

    /// Returns the files that `path` leads to from a module. There are none if the path leads out
    /// of the crate, or to something that is not an item (a generic parameter, `Self`). If the last
    /// names cannot be found, because a macro declares them, the names before them count.
    fn files(&self, module: usize, path: &[String]) -> BTreeSet<usize> {
        (1..=path.len())
            .rev()
            .find_map(|len| self.follow(module, &path[..len], MAX_STEPS))
            .unwrap_or_default()
    }

    /// Returns the files that `path` leads to from a module, up to its last name.
    fn follow(&self, module: usize, path: &[String], steps: usize) -> Option<BTreeSet<usize>> {
        let here = self.krate.modules[module].path.as_slice();
        let ups = path.iter().take_while(|name| *name == "super").count();
        match path.first()?.as_str() {
            "crate" => self.find(&[], &path[1..], steps),
            "self" => self.find(here, &path[1..], steps),
            "super" => self.find(&here[..here.len().checked_sub(ups)?], &path[ups..], steps),
            _ => self.find(here, path, steps),
        }
    }

    /// Returns the files that `path` leads to if its first name belongs to the module `at`: a
    /// module in it, an item, or an import. Names after an item's name belong to the item.
    fn find(&self, at: &[String], path: &[String], steps: usize) -> Option<BTreeSet<usize>> {
        let steps = steps.checked_sub(1)?;
        let forms = self.modules.get(at)?;
        let modules = || forms.iter().map(|&form| &self.krate.modules[form]);
        let Some((name, rest)) = path.split_first() else {
            return Some(modules().map(|module| module.file).collect());
        };
        let child = [at, std::slice::from_ref(name)].concat();
        if self.modules.contains_key(child.as_slice()) {
            return self.find(&child, rest, steps);
        }
        let declaring: BTreeSet<usize> = modules()
            .filter(|module| module.declared.contains(name))
            .map(|module| module.file)
            .collect();
        if !declaring.is_empty() {
            return Some(declaring);
        }
        forms.iter().find_map(|&form| {
            let module = &self.krate.modules[form];
            let named = module.imports.iter().filter(|it| it.name == *name);
            let by_name = named.map(|it| [&it.path, rest].concat());
            let by_star = module.globs.iter().map(|star| [star, path].concat());
            by_name
                .chain(by_star)
                .find_map(|path| self.follow(form, &path, steps))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a crate of these files and its graph.
    fn graph(files: &[(&str, &str)]) -> (Crate, Graph) {
        let texts = files
            .iter()
            .map(|&(path, text)| (path.to_owned(), text.to_owned()));
        let krate = Crate::of("fixture", texts.collect());
        assert!(krate.strays.is_empty(), "{:?}", krate.strays);
        let graph = Graph::of(&krate);
        (krate, graph)
    }

    /// Returns the edges as `a -> b:line`.
    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        let (krate, graph) = graph(files);
        let name = |file: usize| krate.files[file].name();
        let mut edges: Vec<_> = graph
            .edges
            .iter()
            .map(|(&(from, to), line)| format!("{} -> {}:{line}", name(from), name(to)))
            .collect();
        edges.sort();
        edges
    }

    #[test]
    fn through_a_re_export() {
        let files = [
            (
                "lib.rs",
                "mod one; mod folder; pub use folder::part::Thing;",
            ),
            (
                "one.rs",
                "use crate::folder::{self, made};\n\nfn f() { folder::other() }",
            ),
            (
                "folder/mod.rs",
                "pub(crate) mod part; mod hidden; pub(crate) use {part::made, hidden::other};",
            ),
            (
                "folder/part.rs",
                "use crate::one::f;\npub fn made() {} pub struct Thing;",
            ),
            ("folder/hidden.rs", "pub fn other() { crate::Thing::new() }"),
        ];
        let expected = [
            "folder::hidden -> folder::part:1",
            "folder::part -> one:1",
            "one -> folder:1",
            "one -> folder::hidden:3",
            "one -> folder::part:1",
        ];
        assert_eq!(edges(&files), expected);
        let (krate, graph) = graph(&files);
        let knots = graph.knots();
        assert_eq!(knots.len(), 1);
        assert_eq!(knots[0].len(), 3);
        let circles = graph.circles(&knots[0]);
        let names = |circle: &Vec<usize>| -> Vec<_> {
            circle.iter().map(|&f| krate.files[f].name()).collect()
        };
        assert!(
            circles
                .iter()
                .any(|c| names(c) == ["one", "folder::part", "one"]),
            "{circles:?}"
        );
    }

    #[test]
    fn through_super_and_self_and_nested_trees() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod x; mod y;"),
            (
                "a/x.rs",
                "use super::{super::b::{self as beta, B}, y::{Y, deep::{Z}}};\nmod inner {\n use super::super::y::Y; }",
            ),
            (
                "a/y.rs",
                "pub struct Y; pub(crate) mod deep { pub struct Z; fn f() { super::super::x::g() } }",
            ),
            ("b.rs", "pub struct B; fn f(a: self::B) { self::g() }"),
        ];
        let expected = ["a::x -> a::y:1", "a::x -> b:1", "a::y -> a::x:1"];
        assert_eq!(edges(&files), expected);
    }

    #[test]
    fn renamed() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            (
                "a.rs",
                "use crate::b as other;\nfn f() { other::Made::new() }",
            ),
            ("b.rs", "pub(crate) use crate::c::Thing as Made;"),
            ("c.rs", "pub struct Thing; fn f() { Self::x::y(); T::z() }"),
        ];
        assert_eq!(edges(&files), ["a -> b:1", "a -> c:2", "b -> c:1"]);
    }

    #[test]
    fn stars_and_forms() {
        let files = [
            (
                "lib.rs",
                "mod a; mod prim; mod g { } #[cfg_attr(loom, path = \"a_loom.rs\")] mod b;",
            ),
            ("a.rs", "fn f(_: crate::prim::Word) {}"),
            ("b.rs", "use crate::prim::no_such_name;"),
            ("a_loom.rs", "use crate::a::f;"),
            (
                "prim.rs",
                "#[cfg(not(loom))] #[path = \"prim_std.rs\"] mod imp;\n#[cfg(loom)] #[path = \"prim_loom.rs\"] mod imp;\npub use imp::*;",
            ),
            ("prim_std.rs", "pub struct Word;"),
            ("prim_loom.rs", "pub struct Word; use crate::a::f;"),
        ];
        assert_eq!(edges(&files), ["a -> prim_std:1", "b -> prim:1"]);
    }

    /// A file that the models compile as a second module counts only as the module that users get,
    /// wherever that is declared.
    #[test]
    fn the_same_file_twice() {
        let files = [
            (
                "lib.rs",
                "#[cfg(loom)] #[path = \"x/a.rs\"] mod a; #[cfg(not(loom))] mod x; mod b;",
            ),
            (
                "x/mod.rs",
                "pub(crate) mod a; #[cfg(loom)] #[path = \"../b.rs\"] mod b;",
            ),
            ("x/a.rs", "use crate::b::f;"),
            ("b.rs", "pub(crate) fn f() {}"),
        ];
        assert_eq!(edges(&files), ["x::a -> b:1"]);
    }

    #[test]
    fn what_unties() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b::f;"),
            ("b.rs", "use crate::{c::f, d::f as g};"),
            ("c.rs", "use crate::a::f;"),
            ("d.rs", "use crate::{a::f, c::f as g};"),
        ];
        let (krate, graph) = graph(&files);
        let edges = graph.untying(&graph.knots()[0]);
        let name = |file: usize| krate.files[file].name();
        let edges: Vec<_> = edges.iter().map(|&(a, b)| (name(a), name(b))).collect();
        assert_eq!(edges, [("a".into(), "b".into())]);
    }

    #[test]
    fn macros_and_what_does_not_count() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            (
                "a.rs",
                "macro_rules! m { ($x:ident) => { $crate::b::f() } }",
            ),
            (
                "b.rs",
                "fn f() { assert!(crate::c::ok(), \"crate::d::ok\"); quote! { crate::d::f() } }",
            ),
            (
                "c.rs",
                "//! crate::d::D\n/// crate::d::D\npub(in crate::d) fn ok() {} #[cfg(loom)] use crate::d::D; #[cfg(test)] mod tests { use crate::d::D; }",
            ),
            (
                "d.rs",
                "pub struct D; fn f() { use ::std::mem; use std::ptr; mem::swap(); ptr::null() }",
            ),
        ];
        assert_eq!(edges(&files), ["a -> b:1", "b -> c:1"]);
    }

    #[test]
    fn a_module_and_its_parts() {
        let files = [
            ("lib.rs", "mod a; mod b; pub fn root() {}"),
            (
                "a/mod.rs",
                "mod x; mod y; mod z; pub use {x::g, y::Y}; use z::Z;\nfn f(_: Y) { Z::new() }",
            ),
            ("a/x.rs", "pub fn g() { super::f(); crate::root() }"),
            ("a/y.rs", "pub struct Y;"),
            (
                "a/z.rs",
                "pub struct Z; fn h() { super::f(); crate::b::i() }",
            ),
            ("b.rs", "pub fn i() { crate::a::g(); crate::a::f() }"),
        ];
        // There is no edge to `a::x`, which is only re-exported, and none from a part to `a` or to
        // the root.
        assert_eq!(
            edges(&files),
            [
                "a -> a::y:2",
                "a -> a::z:1",
                "a::z -> b:1",
                "b -> a:1",
                "b -> a::x:1"
            ]
        );
        let knots = graph(&files).1.knots();
        assert_eq!(knots.iter().map(BTreeSet::len).collect::<Vec<_>>(), [3]);
    }
}
