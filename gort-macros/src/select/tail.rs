//! Parses what may follow an operation: an `else` block and a guard.
//!
//! ```text
//! tail = [ "else" block ] [ "," "if" expr ]
//! ```

use syn::parse::ParseStream;
use syn::{Block, Expr, Token};

use super::ast::{Guard, Otherwise};
use crate::report::here;

/// Parses `[else block] [, if condition]` up to the end of the head.
pub(super) fn parse_tail(
    input: ParseStream<'_>,
) -> syn::Result<(Option<Otherwise>, Option<Guard>)> {
    let mut otherwise = None;
    let mut guard = None;
    if input.peek(Token![else]) {
        let keyword = input.parse::<Token![else]>()?;
        if !input.peek(syn::token::Brace) {
            return Err(syn::Error::new(
                keyword.span,
                "expected a block after `else`; write `else { break }`",
            ));
        }
        otherwise = Some(Otherwise {
            keyword: keyword.span,
            block: input.parse::<Block>()?,
        });
    }
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
        if !input.peek(Token![if]) {
            return Err(here(
                input,
                "expected `if` after `,`; write `<-rx, if ready => …` or `<-rx => {},`",
            ));
        }
    }
    if input.peek(Token![if]) {
        let keyword = input.parse::<Token![if]>()?;
        if input.is_empty() {
            return Err(syn::Error::new(
                keyword.span,
                "expected a condition after `if`; write `<-rx, if ready => …`",
            ));
        }
        guard = Some(Guard {
            keyword: keyword.span,
            condition: input.parse::<Expr>()?,
        });
        if input.peek(Token![else]) {
            return Err(here(
                input,
                "the `else` block comes before the guard; write `Ok(v) = <-rx else { … }, if g => …`",
            ));
        }
    }
    if !input.is_empty() {
        return Err(here(
            input,
            "expected `=>` and a body after the operation; write `v = <-rx => …`",
        ));
    }
    Ok((otherwise, guard))
}
