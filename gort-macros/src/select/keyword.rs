//! Parses the heads that begin with a word.
//!
//! ```text
//! keyword = "default" | "after" "(" expr ")"
//!         | "recv" "(" expr ")" "->" pat | "send" "(" expr "," expr ")" "->" pat | "default" "(" [ expr ] ")"
//! ```
//!
//! The second line is crossbeam-channel's syntax. Any other head without `<-` gets here too; its
//! error depends on what it looks like.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Pat, Token};

use super::ast::{Head, Parsed};
use super::tail::parse_tail;
use super::tokens::{find_equals, is_joint, is_punct, stream};
use crate::report::here;

/// The error for a head that is none of these.
pub(super) const UNKNOWN: &str = "expected an arm; write `v = <-rx => …`, `tx <- value => …`, \
     `after(duration) => …` or `default => …`";

/// The error for an arm that begins with Go's `case`.
pub(super) const GO_CASE: &str = "`case` is Go's; drop it, and end the operation with `=>`";

/// Parses `default`, `after(…)`, `recv(…) -> …` and `send(…) -> …`.
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

/// Returns the error for a head that is not an arm, depending on what it looks like.
fn not_an_arm(head: &[TokenTree], keyword: &Ident) -> syn::Error {
    if keyword == "case" {
        return syn::Error::new(keyword.span(), GO_CASE);
    }
    if let Some(error) = spaced_arrow(head) {
        return error;
    }
    if matches!(head, [_]) && (keyword == "_" || keyword == "else") {
        let error = format!("`{keyword}` is not an arm; write `default => …`");
        return syn::Error::new(keyword.span(), error);
    }
    let (binding, operation) = match find_equals(head) {
        Ok(Some(at)) => (stream(&head[..at]), &head[at + 1..]),
        _ => (TokenStream::new(), head),
    };
    let tokens = stream(operation);
    if syn::parse2::<Expr>(tokens.clone()).is_err() {
        return syn::Error::new(keyword.span(), UNKNOWN);
    }
    let equals = if binding.is_empty() { "" } else { " = " };
    let message = if let Some(meant) = meant(operation) {
        format!("a call is not an operation; write `{binding}{equals}{meant} => …`")
    } else if binding.is_empty() {
        format!(
            "`{tokens}` is neither a receive nor a send; write `<-{tokens} => …` or `{tokens} <- value => …`"
        )
    } else {
        format!("no `<-` before the channel; write `{binding} = <-{tokens} => …`")
    };
    syn::Error::new_spanned(tokens, message)
}

/// Returns the error for a `<-` with a space in it.
fn spaced_arrow(head: &[TokenTree]) -> Option<syn::Error> {
    let at = head
        .windows(2)
        .position(|pair| is_punct(&pair[0], '<') && is_punct(&pair[1], '-'))?;
    let message = "`<-` is written without a space; remove the space";
    Some(syn::Error::new_spanned(stream(&head[at..at + 2]), message))
}

/// Returns the operation that `rx.recv()`, `tx.send(v)` or `timeout(d)` was meant to be.
fn meant(call: &[TokenTree]) -> Option<String> {
    let [
        before @ ..,
        TokenTree::Ident(name),
        TokenTree::Group(arguments),
    ] = call
    else {
        return None;
    };
    let arguments = arguments.stream();
    match (name.to_string().as_str(), before) {
        ("recv", [channel @ .., dot]) if is_punct(dot, '.') => {
            Some(format!("<-{}", stream(channel)))
        }
        ("send", [channel @ .., dot]) if is_punct(dot, '.') => {
            Some(format!("{} <- {arguments}", stream(channel)))
        }
        ("timeout" | "sleep", _) => Some(format!("after({arguments})")),
        _ => None,
    }
}

fn one_operand(group: &Group, what: &str, example: &str) -> syn::Result<Expr> {
    if group.stream().is_empty() {
        return Err(syn::Error::new_spanned(
            group,
            format_args!("expected {what}; write `{example}`"),
        ));
    }
    let parser = |input: ParseStream<'_>| {
        let operand = input.parse::<Expr>()?;
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(here(
                input,
                format_args!("expected only {what}; write `{example}`"),
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

/// Parses the end of a head, behind `default` and `after(…)`. It accepts a tail, which `valid`
/// reports.
fn parse_end(head: Head, rest: &[TokenTree]) -> syn::Result<Parsed> {
    let (otherwise, guard) = parse_tail.parse2(stream(rest))?;
    Ok(Parsed {
        head,
        binding: None,
        otherwise,
        guard,
    })
}

/// Parses `-> pat` and the tail, behind crossbeam's operations.
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
    fn what_was_meant_is_said() {
        let cases = [
            (quote!(_ => {}), "`_` is not an arm; write `default => …`"),
            (
                quote!(else => {}),
                "`else` is not an arm; write `default => …`",
            ),
            (
                quote!(v = rx.recv() => {}),
                "a call is not an operation; write `v = <-rx => …`",
            ),
            (
                quote!(rx.recv() => {}),
                "a call is not an operation; write `<-rx => …`",
            ),
            (
                quote!(tx.send(v) => {}),
                "a call is not an operation; write `tx <- v => …`",
            ),
            (
                quote!(r = tx.send(v) => {}),
                "a call is not an operation; write `r = tx <- v => …`",
            ),
            (
                quote!(time::sleep(d) => {}),
                "a call is not an operation; write `after(d) => …`",
            ),
            (
                quote!(tx < - v => {}),
                "`<-` is written without a space; remove the space",
            ),
        ];
        for (input, message) in cases {
            assert_eq!(mistakes(input), [message]);
        }
    }

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
                "expected a duration; write `after(duration) => …`",
            ),
        ];
        for (input, message) in cases {
            assert_eq!(mistakes(input), [message]);
        }
    }
}
