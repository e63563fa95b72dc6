//! The heads that begin with a word.
//!
//! ```text
//! keyword = "default" | "after" "(" expr ")"
//!         | "recv" "(" expr ")" "->" pat | "send" "(" expr "," expr ")" "->" pat | "default" "(" [ expr ] ")"
//! ```
//!
//! The second line is crossbeam-channel's. A head without `<-` that is none of these gets here too, and its error says
//! what it looks like.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Pat, Token};

use super::ast::Head;
use super::head::{GO_CASE, Parsed, find_equals, is_joint, is_punct, parse_tail, stream};
use crate::report::here;

/// For a head that is none of them.
pub(super) const UNKNOWN: &str = "expected an arm; write `v = <-rx => …`, `tx <- value => …`, \
     `after(duration) => …` or `default => …`";

/// `default`, `after(…)`, `recv(…) -> …`, `send(…) -> …`.
pub(super) fn parse_keyword(head: &[TokenTree], end: Span) -> syn::Result<Parsed> {
    let Some(first) = head.first() else {
        return Err(syn::Error::new(end, UNKNOWN));
    };
    let TokenTree::Ident(keyword) = first else {
        return Err(syn::Error::new(first.span(), UNKNOWN));
    };
    let (operands, rest) = match head.get(1) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
            (Some(group), &head[2..])
        }
        _ => (None, &head[1..]),
    };
    match (keyword.to_string().as_str(), operands) {
        ("default", None) => parse_end(
            Head::Default {
                keyword: keyword.clone(),
            },
            rest,
        ),
        ("default", Some(group)) if group.stream().is_empty() => parse_end(
            Head::Default {
                keyword: keyword.clone(),
            },
            rest,
        ),
        ("default" | "after", Some(group)) => {
            let duration = one_operand(group, "a duration", &format!("{keyword}(duration) => …"))?;
            parse_end(
                Head::After {
                    keyword: keyword.clone(),
                    duration,
                },
                rest,
            )
        }
        ("after", None) => Err(syn::Error::new(
            keyword.span(),
            "expected a duration; write `after(duration) => …`",
        )),
        ("recv", Some(group)) => {
            let source = one_operand(group, "a receiver", "recv(rx) -> v => …")?;
            parse_result(Head::Recv { source }, group, rest, "recv(rx) -> v")
        }
        ("send", Some(group)) => {
            let (target, value) = two_operands(group)?;
            parse_result(
                Head::Send {
                    target,
                    value,
                    late: true,
                },
                group,
                rest,
                "send(tx, v) -> r",
            )
        }
        _ => Err(not_an_arm(head, keyword)),
    }
}

/// The words for a head that is nothing, by what it looks like.
fn not_an_arm(head: &[TokenTree], keyword: &Ident) -> syn::Error {
    if keyword == "case" {
        return syn::Error::new(keyword.span(), GO_CASE);
    }
    if let Ok(Some(at)) = find_equals(head) {
        let text = stream(&head[at + 1..]).to_string();
        let error = format!(
            "`{text}` is not received from; write `<-` before the channel: `v = <-rx => …`"
        );
        return syn::Error::new_spanned(stream(&head[at + 1..]), error);
    }
    if syn::parse2::<Expr>(stream(head)).is_ok() {
        let text = stream(head).to_string();
        let error = format!(
            "`{text}` is neither a receive nor a send; write `<-{text} => …` or `{text} <- value => …`"
        );
        return syn::Error::new_spanned(stream(head), error);
    }
    syn::Error::new(keyword.span(), UNKNOWN)
}

fn one_operand(group: &Group, what: &str, example: &str) -> syn::Result<Expr> {
    if group.stream().is_empty() {
        return Err(syn::Error::new_spanned(
            group,
            format_args!("expected {what} in the parentheses; write `{example}`"),
        ));
    }
    let parser = |input: ParseStream<'_>| {
        let operand = input.parse::<Expr>()?;
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(here(
                input,
                format_args!("expected only {what} in the parentheses; write `{example}`"),
            ));
        }
        Ok(operand)
    };
    parser.parse2(group.stream())
}

fn two_operands(group: &Group) -> syn::Result<(Expr, Expr)> {
    const EXPECTED: &str = "expected a channel and a value; write `send(tx, v) -> r => …`";
    let parser = |input: ParseStream<'_>| {
        let target = input.parse::<Expr>()?;
        if !input.peek(Token![,]) {
            return Err(syn::Error::new_spanned(group, EXPECTED));
        }
        input.parse::<Token![,]>()?;
        if input.is_empty() {
            return Err(syn::Error::new_spanned(group, EXPECTED));
        }
        let value = input.parse::<Expr>()?;
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(here(input, EXPECTED));
        }
        Ok((target, value))
    };
    if group.stream().is_empty() {
        return Err(syn::Error::new_spanned(group, EXPECTED));
    }
    parser.parse2(group.stream())
}

/// Nothing more, behind `default` and `after(…)`; a tail is let through for `valid` to name.
fn parse_end(head: Head, rest: &[TokenTree]) -> syn::Result<Parsed> {
    let (otherwise, guard) = parse_tail.parse2(stream(rest))?;
    Ok(Parsed {
        head,
        binding: None,
        otherwise,
        guard,
    })
}

/// `-> pat` and the tail, behind crossbeam's operations.
fn parse_result(
    head: Head,
    operands: &Group,
    rest: &[TokenTree],
    example: &str,
) -> syn::Result<Parsed> {
    let [dash, tip, rest @ ..] = rest else {
        return Err(no_result(operands, example));
    };
    if !(is_joint(dash, '-') && is_punct(tip, '>')) {
        return Err(no_result(operands, example));
    }
    if rest.is_empty() {
        return Err(syn::Error::new(
            tip.span(),
            format_args!("expected a pattern after `->`; write `{example} => …`"),
        ));
    }
    let parser = |input: ParseStream<'_>| {
        let binding = Pat::parse_multi_with_leading_vert(input)?;
        let (otherwise, guard) = parse_tail(input)?;
        Ok((binding, otherwise, guard))
    };
    let (binding, otherwise, guard) = parser.parse2(stream(rest))?;
    Ok(Parsed {
        head,
        binding: Some(binding),
        otherwise,
        guard,
    })
}

fn no_result(operands: &Group, example: &str) -> syn::Error {
    syn::Error::new(
        operands.span_close(),
        format_args!("expected `->` and a pattern after this; write `{example} => …`"),
    )
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::super::testing::{arms, mistakes};

    #[test]
    fn crossbeam_arms_are_the_same_arms() {
        assert_eq!(
            arms(quote! {
                recv(rx) -> v => {}
                recv(rx,) -> _, if on => {}
                send(tx, 1,) -> r => {}
                default => {}
                default() => {}
                default(ms(5),) => {}
            }),
            [
                "recv(rx) v",
                "recv(rx) _ if on",
                "send(tx, 1) r",
                "default",
                "default",
                "after(ms (5))"
            ]
        );
    }

    #[test]
    fn missing_parts_are_named() {
        let cases = [
            (
                quote!(recv(rx) => {}),
                "expected `->` and a pattern after this; write `recv(rx) -> v => …`",
            ),
            (
                quote!(send(tx) -> r => {}),
                "expected a channel and a value; write `send(tx, v) -> r => …`",
            ),
            (
                quote!(after => {}),
                "expected a duration; write `after(duration) => …`",
            ),
            (
                quote!(after() => {}),
                "expected a duration in the parentheses; write `after(duration) => …`",
            ),
        ];
        for (input, message) in cases {
            assert_eq!(mistakes(input), [message]);
        }
    }
}
