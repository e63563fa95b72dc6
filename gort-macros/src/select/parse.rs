//! Parses the arms of `select!`.
//!
//! ```text
//! select = [ "biased" ";" ] { attrs head "=>" expr [ "," ] }        head: see `head.rs`
//! ```
//!
//! A mistake in a head is reported, and its body is parsed all the same, so that the following
//! heads are checked too. A syntax error in a body ends parsing.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Expr, Token};

use super::ast::{Arm, Bias, Select};
use super::head::{NO_FAT_ARROW, parse_head};
use super::tokens::{find_arrow, is_joint, is_punct};
use crate::paths::at;
use crate::report::{Report, here};

/// Parses the input of `select!`.
///
/// # Errors
///
/// Returns all the mistakes in heads, and the first syntax error in a body.
pub(crate) fn parse(input: TokenStream, bias: Bias) -> syn::Result<Select> {
    (|input: ParseStream<'_>| parse_select(input, bias)).parse2(input)
}

fn parse_select(input: ParseStream<'_>, mut bias: Bias) -> syn::Result<Select> {
    let mut report = Report::default();
    let mut arms = Vec::new();
    if let Some(keyword) = take_biased(input)? {
        if bias == Bias::Biased {
            report.at(
                keyword.span(),
                "`select_biased!` is biased already; drop `biased;`",
            );
        }
        bias = Bias::Biased;
    }
    while !input.is_empty() {
        if let Some(keyword) = take_biased(input)? {
            report.at(
                keyword.span(),
                "`biased;` comes once, before the first arm; move it there",
            );
            continue;
        }
        match parse_arm(input, &mut report) {
            Ok(arm) => arms.extend(arm),
            Err(error) => {
                report.push(error);
                break;
            }
        }
    }
    report.finish(Select { bias, arms })
}

/// Parses `biased;`, if it is next.
fn take_biased(input: ParseStream<'_>) -> syn::Result<Option<Ident>> {
    let fork = input.fork();
    match fork.parse::<Ident>() {
        Ok(keyword) if keyword == "biased" && (fork.peek(Token![;]) || fork.peek(Token![,])) => {
            let keyword = input.parse::<Ident>()?;
            if input.peek(Token![,]) {
                return Err(here(input, "expected `;` after `biased`; write `biased;`"));
            }
            input.parse::<Token![;]>()?;
            Ok(Some(keyword))
        }
        _ => Ok(None),
    }
}

/// Parses one arm. Returns `None` if its head was a mistake, which has been reported.
fn parse_arm(input: ParseStream<'_>, report: &mut Report) -> syn::Result<Option<Arm>> {
    let attrs = input.call(Attribute::parse_outer)?;
    let mut head = Vec::new();
    while !input.peek(Token![=>]) {
        if input.is_empty() {
            return Err(no_fat_arrow(&head));
        }
        head.push(input.parse::<TokenTree>()?);
    }
    let arrow = input.parse::<Token![=>]>()?;
    let parsed = report.take(parse_head(&head, arrow.spans[0]));
    if input.is_empty() || input.peek(Token![,]) {
        return Err(syn::Error::new(
            arrow.spans[0],
            "expected a body after `=>`; write `{}` to do nothing",
        ));
    }
    let body = parse_body(input)?;
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    } else if !input.is_empty() && !ends_itself(&body) && !matches!(body, Expr::Verbatim(_)) {
        let semicolon = input.peek(Token![;]);
        return Err(here(input, if semicolon { SEMICOLON } else { COMMA }));
    }
    Ok(parsed.map(|head| Arm {
        attrs,
        head: head.head,
        binding: head.binding,
        otherwise: head.otherwise,
        guard: head.guard,
        body,
    }))
}

/// Parses a body. A body that syn cannot read is passed on unchanged, if its end can be found.
///
/// rustc then says what is wrong with it. rust-analyzer, which completes in half-written bodies,
/// finds the body in the right place.
fn parse_body(input: ParseStream<'_>) -> syn::Result<Expr> {
    let ahead = input.fork();
    let error = match Expr::parse_with_earlier_boundary_rule(&ahead) {
        Ok(body) => {
            input.advance_to(&ahead);
            return Ok(body);
        }
        Err(error) => missing_comma(&input.fork()).unwrap_or(error),
    };
    if input.peek(syn::token::Brace) {
        return Ok(Expr::Verbatim(input.parse::<TokenTree>()?.into()));
    }
    let (mut body, mut last) = (TokenStream::new(), input.span());
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.peek(Token![=>]) || input.peek(Token![;]) {
            return Err(error);
        }
        let next = input.parse::<TokenTree>()?;
        last = next.span();
        body.extend([next]);
    }
    // The body is put in braces, so that rustc reports an unexpected end where the body ends.
    let mut block = Group::new(Delimiter::Brace, body);
    block.set_span(at(last));
    Ok(Expr::Verbatim(TokenTree::Group(block).into()))
}

/// Returns the error for an arm that has no `=>`.
fn no_fat_arrow(head: &[TokenTree]) -> syn::Error {
    match head {
        [_, .., TokenTree::Group(block)] if block.delimiter() == Delimiter::Brace => {
            syn::Error::new(block.span_open(), NO_FAT_ARROW)
        }
        _ => syn::Error::new(
            head.last().map_or_else(Span::call_site, TokenTree::span),
            "expected `=>` and a body after this; write `v = <-rx => …`",
        ),
    }
}

/// Returns the error for a body that runs into the next arm's `<-`, which syn reads as an operator.
fn missing_comma(rest: ParseStream<'_>) -> Option<syn::Error> {
    let tokens: Vec<TokenTree> = rest.parse::<TokenStream>().ok()?.into_iter().collect();
    let arrow = find_arrow(&tokens)?;
    let starts_arm = tokens[arrow..].windows(2).find_map(|pair| match pair {
        [TokenTree::Punct(first), _] if first.as_char() == ',' => Some(false),
        [first, second] if is_joint(first, '=') && is_punct(second, '>') => Some(true),
        _ => None,
    });
    let comma_before = tokens[..arrow].iter().any(|tree| is_punct(tree, ','));
    (starts_arm == Some(true) && !comma_before)
        .then(|| syn::Error::new(tokens[arrow].span(), COMMA))
}

const COMMA: &str = "expected `,` before the next arm; write `<-rx => f(),`";
const SEMICOLON: &str = "an arm ends with `,`; write `<-rx => f(),`";

/// Returns whether a body needs no `,` behind it, as in `match`.
fn ends_itself(body: &Expr) -> bool {
    matches!(
        body,
        Expr::Block(_)
            | Expr::Const(_)
            | Expr::ForLoop(_)
            | Expr::If(_)
            | Expr::Loop(_)
            | Expr::Match(_)
            | Expr::TryBlock(_)
            | Expr::Unsafe(_)
            | Expr::While(_)
    )
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::super::testing::{mistakes, parsed};
    use super::*;

    #[test]
    fn arms_are_separated() {
        for input in [
            quote!(<-rx => f() <-rx => {}),
            quote!(<-rx => f() tx <- v => {}),
            quote!(<-rx => f() default => {}),
        ] {
            assert_eq!(mistakes(input), [COMMA]);
        }
    }

    #[test]
    fn a_semicolon_ends_no_arm() {
        assert_eq!(mistakes(quote!(<-rx => f(); default => {})), [SEMICOLON]);
    }

    #[test]
    fn bodies_end_as_in_match() {
        assert_eq!(
            parsed(quote!(<-a => {} <-b => if x { y } <-c => f(), <-d => 7. ))
                .arms
                .len(),
            4
        );
        assert_eq!(
            parsed(quote!(<-a => loop {}, <-b => match x { _ => {} } default => x = 1))
                .arms
                .len(),
            3
        );
    }

    #[test]
    fn biased_is_read_before_the_arms() {
        assert_eq!(parsed(quote!(biased; <-rx => {})).bias, Bias::Biased);
        assert_eq!(parsed(quote!(<-rx => {})).bias, Bias::Random);
        assert_eq!(
            mistakes(quote!(<-rx => {} biased; <-rx => {})),
            ["`biased;` comes once, before the first arm; move it there"]
        );
        assert_eq!(
            mistakes(quote!(biased, <-rx => {})),
            ["expected `;` after `biased`; write `biased;`"]
        );
    }

    #[test]
    fn attributes_belong_to_their_arm() {
        let select = parsed(quote!(#[cfg(a)] #[allow(b)] <-rx => {} <-rx => {}));
        assert_eq!(
            (select.arms[0].attrs.len(), select.arms[1].attrs.len()),
            (2, 0)
        );
        assert!(select.arms[0].is_conditional() && !select.arms[1].is_conditional());
    }
}
