//! The names that `go!` clones before the goroutine starts.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;

use crate::report::Report;

/// Returns the names in `clone(a, b)`.
pub(super) fn names(list: &Group, report: &mut Report) -> Vec<Ident> {
    let mut names: Vec<Ident> = Vec::new();
    let trees: Vec<TokenTree> = list.stream().into_iter().collect();
    if trees.is_empty() {
        report.on(list, "the list of `clone` is empty; write `clone(tx)`");
    }
    let is_comma =
        |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',');
    let mut items: Vec<&[TokenTree]> = trees.split(is_comma).collect();
    if items.last().is_some_and(|last| last.is_empty()) {
        items.pop();
    }
    for item in items {
        match name(item) {
            Some(name) if names.contains(&name) => {
                report.at(
                    name.span(),
                    format_args!("`{name}` is in the list twice; keep one"),
                );
            }
            Some(name) => names.push(name),
            None => {
                let tokens: TokenStream = item.iter().cloned().collect();
                let what = if tokens.is_empty() {
                    list.to_token_stream()
                } else {
                    tokens
                };
                report.on(
                    what,
                    "`clone` takes names; write `let x = ….clone();` before the `go!` and use `x`",
                );
            }
        }
    }
    names
}

fn name(item: &[TokenTree]) -> Option<Ident> {
    match item {
        [TokenTree::Ident(name)] => Some(name.clone()),
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            name(&inner)
        }
        _ => None,
    }
}
