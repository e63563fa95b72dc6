//! Parses the head of an arm: everything between its attributes and `=>`.
//!
//! ```text
//! head = [ pat "=" ] "<-" expr tail | [ pat "=" ] expr "<-" expr tail | keyword tail
//! keyword: see `keyword.rs`; tail: see `tail.rs`
//! ```
//!
//! syn reads `tx <- value` as the comparison `tx < -value`. So the head's tokens are cut at the
//! first `<-` outside brackets, and syn parses the parts. A `<` and a `-` without a space between
//! them are always a `<-`, except in `::<-1>`. (So `a <-1` is no comparison here; `a < -1` is.)

use proc_macro2::{Delimiter, Span, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Pat, Token};

use super::ast::{Head, Parsed};
use super::keyword::{GO_CASE, parse_keyword};
use super::tail::parse_tail;
use super::tokens::{find_arrow, find_equals, is_punct, is_word, stream};
use crate::report::{ended, here};

pub(super) fn parse_head(head: &[TokenTree], end: Span) -> syn::Result<Parsed> {
    let parsed = match find_arrow(head) {
        Some(at) => parse_arrow(&head[..at], &head[at..at + 2], &head[at + 2..]),
        None => parse_keyword(head, end),
    };
    parsed.map_err(|error| ended(error, head.last().map_or(end, TokenTree::span)))
}

/// Parses `[pat =] [target] <- operand …`.
fn parse_arrow(
    left: &[TokenTree],
    arrow: &[TokenTree],
    right: &[TokenTree],
) -> syn::Result<Parsed> {
    let arrow = arrow[0].span();
    if let [case, TokenTree::Ident(_), ..] = left
        && is_word(case, "case")
    {
        return Err(syn::Error::new(case.span(), GO_CASE));
    }
    if let Some(second) = find_arrow(right) {
        let message =
            "a second `<-` in one arm; end the first with `=>`, or write a comparison as `a < -b`";
        return Err(missing_fat_arrow(right)
            .unwrap_or_else(|| syn::Error::new(right[second].span(), message)));
    }
    let (binding, target) = match find_equals(left)? {
        Some(at) => (
            Some(parse_binding(&left[..at], &left[at])?),
            &left[at + 1..],
        ),
        None => (None, left),
    };
    let what = if target.is_empty() {
        "a channel after `<-`; write `v = <-rx => …`"
    } else {
        "a value after `<-`; write `tx <- value => …`"
    };
    let starts = right
        .first()
        .is_some_and(|first| !is_punct(first, ',') && !is_word(first, "else"));
    if !starts {
        return Err(syn::Error::new(arrow, format_args!("expected {what}")));
    }
    let parser = |input: ParseStream<'_>| {
        let operand = input.parse::<Expr>()?;
        let (otherwise, guard) = parse_tail(input)?;
        Ok((operand, otherwise, guard))
    };
    let (operand, otherwise, guard) = parser
        .parse2(stream(right))
        .map_err(|error| missing_fat_arrow(right).unwrap_or(error))?;
    let head = if target.is_empty() {
        Head::Recv { source: operand }
    } else {
        Head::Send {
            target: parse_target(target)?,
            value: operand,
            late: false,
        }
    };
    Ok(Parsed {
        head,
        binding,
        otherwise,
        guard,
    })
}

/// Returns the error for an operation that is followed by a block and then by the next arm: syn
/// reads the block as part of the operand.
fn missing_fat_arrow(right: &[TokenTree]) -> Option<syn::Error> {
    right.windows(2).find_map(|pair| {
        let [TokenTree::Group(block), next] = pair else {
            return None;
        };
        let starts_arm = match next {
            TokenTree::Ident(word) => word != "else" && word != "if" && word != "as",
            TokenTree::Punct(punct) => matches!(punct.as_char(), '<' | '#'),
            _ => false,
        };
        (block.delimiter() == Delimiter::Brace && starts_arm)
            .then(|| syn::Error::new(block.span_open(), NO_FAT_ARROW))
    })
}

pub(super) const NO_FAT_ARROW: &str = "expected `=>` before this block; write `v = <-rx => { … }`";

fn parse_target(tokens: &[TokenTree]) -> syn::Result<Expr> {
    let parser = |input: ParseStream<'_>| {
        let target = input.parse::<Expr>()?;
        if input.peek(Token![,]) {
            return Err(here(input, ONE_VALUE));
        }
        if !input.is_empty() {
            return Err(here(
                input,
                "expected `<-` after the channel; write `tx <- value => …`",
            ));
        }
        Ok(target)
    };
    parser.parse2(stream(tokens))
}

const ONE_VALUE: &str = "a receive gives one value; \
     write `v = <-rx => …` or `Ok(v) = <-rx else { … } => …`";

fn parse_binding(tokens: &[TokenTree], equals: &TokenTree) -> syn::Result<Pat> {
    if tokens.is_empty() {
        return Err(syn::Error::new(
            equals.span(),
            "expected a pattern before `=`; write `v = <-rx => …`",
        ));
    }
    let parser = |input: ParseStream<'_>| {
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        if input.peek(Token![,]) {
            return Err(here(input, ONE_VALUE));
        }
        if input.peek(Token![:]) {
            return Err(here(input, "the pattern of an arm has no type; drop `: …`"));
        }
        if !input.is_empty() {
            return Err(here(
                input,
                "expected `=` after the pattern; write `v = <-rx => …`",
            ));
        }
        Ok(pattern)
    };
    parser.parse2(stream(tokens))
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::super::keyword::UNKNOWN;
    use super::super::testing::{arms, mistakes};
    use super::*;

    #[test]
    fn go_arms_are_told_apart_by_what_stands_before_the_arrow() {
        assert_eq!(
            arms(quote! {
                <-rx => {}
                v =<-rx => {}
                Ok(v) | Err(Closed(v)) = <-p.idle[0] => {}
                tx <- value => {}
                p.tx <- -1 => {}
                r = f::<A, B>(x) <- S { a: 1 } => {}
                0..=9 = <-rx => {}
            }),
            [
                "recv(rx)",
                "recv(rx) v",
                "recv(p . idle [0]) Ok (v) | Err (Closed (v))",
                "send(tx, value)",
                "send(p . tx, - 1)",
                "send(f :: < A , B > (x), S { a : 1 }) r",
                "recv(rx) 0 ..= 9",
            ]
        );
    }

    #[test]
    fn else_and_guard_stand_behind_the_operation() {
        assert_eq!(
            arms(quote! {
                Ok(v) = <-rx else { break } => {}
                Ok(v) = <-rx else { break }, if a && b => {}
                <-if a { x } else { y }, if on => {}
                tx <- f(a, b), if !q.is_empty() => {}
            }),
            [
                "recv(rx) Ok (v) else",
                "recv(rx) Ok (v) else if a && b",
                "recv(if a { x } else { y }) if on",
                "send(tx, f (a , b)) if ! q . is_empty ()",
            ]
        );
    }

    #[test]
    fn a_minus_in_generics_is_no_arrow() {
        assert_eq!(
            arms(quote!(v = <-pick::<-1>(x) => {})),
            ["recv(pick :: < - 1 > (x)) v"]
        );
        assert_eq!(
            arms(quote!(pick::<-1>(x) <- 2 => {})),
            ["send(pick :: < - 1 > (x), 2)"]
        );
    }

    #[test]
    fn one_arrow_per_arm() {
        assert_eq!(
            mistakes(quote!(a <- b <- c => {})),
            [
                "a second `<-` in one arm; end the first with `=>`, or write a comparison as `a < -b`"
            ]
        );
    }

    #[test]
    fn missing_parts_are_named() {
        let cases = [
            (
                quote!(<- => {}),
                "expected a channel after `<-`; write `v = <-rx => …`",
            ),
            (
                quote!(tx <- => {}),
                "expected a value after `<-`; write `tx <- value => …`",
            ),
            (
                quote!(= <-rx => {}),
                "expected a pattern before `=`; write `v = <-rx => …`",
            ),
            (
                quote!(<-rx),
                "expected `=>` and a body after this; write `v = <-rx => …`",
            ),
            (quote!(<-rx {}), NO_FAT_ARROW),
            (quote!(<-rx {} default => {}), NO_FAT_ARROW),
            (quote!(tx <- v { f() } <-rx => {}), NO_FAT_ARROW),
            (quote!(case v = <-rx => {}), GO_CASE),
            (quote!(case tx <- v => {}), GO_CASE),
            (
                quote!(<-rx =>),
                "expected a body after `=>`; write `{}` to do nothing",
            ),
            (
                quote!(<-rx else break => {}),
                "expected a block after `else`; write `else { break }`",
            ),
            (
                quote!(<-rx, if => {}),
                "expected a condition after `if`; write `<-rx, if ready => …`",
            ),
        ];
        for (input, message) in cases {
            assert_eq!(mistakes(input), [message]);
        }
    }

    #[test]
    fn heads_without_an_operation_are_reported_together() {
        assert_eq!(
            mistakes(quote! {
                rx => {}
                v = rx => {}
                v := <-rx => {}
                v, ok = <-rx => {}
                case => {}
                v: T = <-rx => {}
                + => {}
            }),
            [
                "`rx` is neither a receive nor a send; write `<-rx => …` or `rx <- value => …`",
                "no `<-` before the channel; write `v = <-rx => …`",
                "`:=` is Go's; write `v = <-rx => …`",
                ONE_VALUE,
                GO_CASE,
                "the pattern of an arm has no type; drop `: …`",
                UNKNOWN,
            ]
        );
    }
}
