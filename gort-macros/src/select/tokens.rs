//! Searches the tokens of an arm, before syn parses the parts.

use proc_macro2::{Spacing, TokenStream, TokenTree};

/// Returns the position of the first `<-` outside brackets.
pub(super) fn find_arrow(tokens: &[TokenTree]) -> Option<usize> {
    (0..tokens.len().saturating_sub(1)).find(|&at| {
        let after_path = at > 0 && is_punct(&tokens[at - 1], ':');
        is_joint(&tokens[at], '<') && is_punct(&tokens[at + 1], '-') && !after_path
    })
}

/// Returns the position of the `=` behind the pattern: the first one that is not part of another
/// operator.
pub(super) fn find_equals(tokens: &[TokenTree]) -> syn::Result<Option<usize>> {
    for (at, tree) in tokens.iter().enumerate() {
        if !is_punct(tree, '=') {
            continue;
        }
        if at > 0 && is_punct(&tokens[at - 1], ':') {
            return Err(syn::Error::new(
                tokens[at - 1].span(),
                "`:=` is Go's; write `v = <-rx => …`",
            ));
        }
        let compared = tokens
            .get(at + 1)
            .is_some_and(|next| is_joint(tree, '=') && is_punct(next, '='));
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        match before {
            Some(TokenTree::Punct(before)) if before.spacing() == Spacing::Joint => {
                if before.as_char() == '>' && !compared {
                    return Ok(Some(at));
                }
            }
            _ if compared => {}
            _ => return Ok(Some(at)),
        }
    }
    Ok(None)
}

pub(super) fn is_punct(tree: &TokenTree, char: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == char)
}

pub(super) fn is_joint(tree: &TokenTree, char: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == char && punct.spacing() == Spacing::Joint)
}

pub(super) fn is_word(tree: &TokenTree, word: &str) -> bool {
    matches!(tree, TokenTree::Ident(ident) if ident == word)
}

pub(super) fn stream(tokens: &[TokenTree]) -> TokenStream {
    tokens.iter().cloned().collect()
}
