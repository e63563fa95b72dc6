//! Finds paths and `unsafe` blocks among the tokens of a macro, which are not parsed.
//!
//! Therefore of `use a::{b, c::d}` in a macro's body only `c::d` is seen, and of `<T as a::B>::c`
//! only what is in the brackets.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// The paths and blocks that were found.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// At least two names joined by `::`, and the place of the first. `$crate::a` is seen as
    /// `crate::a`.
    pub(crate) paths: Vec<(Vec<String>, Span)>,
    pub(crate) unsafe_blocks: usize,
}

/// Looks through `tokens`, groups included.
pub(crate) fn scan(tokens: TokenStream) -> Seen {
    let mut seen = Seen::default();
    look(tokens, &mut seen);
    seen
}

fn look(tokens: TokenStream, seen: &mut Seen) {
    let trees: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        match &trees[at] {
            TokenTree::Group(group) => look(group.stream(), seen),
            TokenTree::Ident(first) => {
                if first == "unsafe" && is_block(trees.get(at + 1)) {
                    seen.unsafe_blocks += 1;
                }
                let (names, end) = path(&trees, at);
                // Names that follow a `::` are the rest of a path that does not begin with a name,
                // like `::core::mem`.
                if names.len() > 1 && !(at > 0 && colons(&trees, at.saturating_sub(2))) {
                    seen.paths.push((names, first.span()));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}

/// Returns the path that begins at `start`, and where it ends.
fn path(trees: &[TokenTree], start: usize) -> (Vec<String>, usize) {
    let mut names = vec![trees[start].to_string()];
    let mut at = start + 1;
    while colons(trees, at)
        && let Some(TokenTree::Ident(name)) = trees.get(at + 2)
    {
        names.push(name.to_string());
        at += 3;
    }
    (names, at)
}

/// Returns whether `::` is at `at`.
fn colons(trees: &[TokenTree], at: usize) -> bool {
    let colon =
        |at: usize| matches!(trees.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(at) && colon(at + 1)
}

fn is_block(tree: Option<&TokenTree>) -> bool {
    matches!(tree, Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Brace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_among_tokens() {
        let seen = scan(
            "a::b(c, $crate::d::e!{ super::f }) ::core::mem x: y unsafe { g }"
                .parse()
                .unwrap(),
        );
        let paths: Vec<_> = seen
            .paths
            .iter()
            .map(|(names, _)| names.join("::"))
            .collect();
        assert_eq!(paths, ["a::b", "crate::d::e", "super::f"]);
        assert_eq!(seen.unsafe_blocks, 1);
    }
}
