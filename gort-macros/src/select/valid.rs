//! Finds the mistakes in a `select!` that parses.
//!
//! Mistakes that rustc describes better (an operand that cannot be selected, an `else` block of
//! another type) are left to rustc.

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::{Expr, Pat};

use super::ast::{Arm, Head, Select, unwrapped};
use crate::report::Report;

/// Checks a parsed `select!`.
///
/// # Errors
///
/// Returns all the mistakes in it.
pub(crate) fn check(select: Select) -> syn::Result<Select> {
    let mut report = Report::default();
    check_defaults(&select.arms, &mut report);
    for arm in &select.arms {
        if arm.is_operation() {
            check_operation(arm, &mut report);
        } else {
            check_default(arm, &mut report);
        }
    }
    report.finish(select)
}

/// Reports more than one `default` or `after`. Two that both have a `#[cfg]` may be alternatives.
fn check_defaults(arms: &[Arm], report: &mut Report) {
    let mut first: Option<(&Ident, &'static str, bool)> = None;
    for arm in arms {
        let (keyword, shown) = match &arm.head {
            Head::Default { keyword } => (keyword, "default"),
            Head::After { keyword, .. } if keyword == "default" => (keyword, "default(…)"),
            Head::After { keyword, .. } => (keyword, "after(…)"),
            Head::Recv { .. } | Head::Send { .. } => continue,
        };
        let Some((earlier, before, conditional)) = first else {
            first = Some((keyword, shown, arm.is_conditional()));
            continue;
        };
        if conditional && arm.is_conditional() {
            continue;
        }
        let line = line(earlier.span());
        let message = if before == shown {
            format!("a second `{shown}` (the first is {line}); keep one")
        } else {
            format!("both `{shown}` and `{before}` ({line}); keep one")
        };
        report.at(keyword.span(), message);
    }
}

/// Returns "on line N" inside a compiler, and "above" elsewhere.
fn line(span: Span) -> String {
    if proc_macro::is_available() {
        format!("on line {}", span.unwrap().line())
    } else {
        "above".to_owned()
    }
}

fn check_default(arm: &Arm, report: &mut Report) {
    let (Head::Default { keyword } | Head::After { keyword, .. }) = &arm.head else {
        return;
    };
    if let Some(otherwise) = &arm.otherwise {
        report.at(
            otherwise.keyword,
            format_args!("`{keyword}` has no result for `else`; drop the block"),
        );
    }
    if let Some(guard) = &arm.guard {
        report.at(
            guard.keyword,
            format_args!("`{keyword}` takes no guard; test the condition in its body"),
        );
    }
}

fn check_operation(arm: &Arm, report: &mut Report) {
    let (channel, instead) = match &arm.head {
        Head::Recv { source } => (source, "a receiver after `<-`"),
        Head::Send { target, .. } => (target, "a sender before `<-`"),
        Head::Default { .. } | Head::After { .. } => return,
    };
    if let Expr::Lit(literal) = unwrapped(channel) {
        let text = literal.lit.to_token_stream();
        report.on(
            channel,
            format_args!("`{text}` is not a channel; write {instead}"),
        );
    }
    match (&arm.binding, &arm.otherwise) {
        (None, Some(otherwise)) => {
            let example = match arm.head {
                Head::Send { .. } => "Ok(()) = tx <- v else { … }",
                _ => "Ok(v) = <-rx else { … }",
            };
            report.at(
                otherwise.keyword,
                format_args!("`else` needs a pattern that can fail; write `{example} => …`"),
            );
        }
        (Some(pattern), None) => {
            if let Some(shown) = refutable(pattern) {
                report.on(
                    pattern,
                    format_args!(
                        "`{shown}` does not match every result; write `… else {{ break }} => …`"
                    ),
                );
            }
        }
        _ => {}
    }
}

/// Returns the pattern in short, if it obviously does not match every result of an operation.
///
/// rustc, which knows the types, finds the other refutable patterns.
fn refutable(pattern: &Pat) -> Option<&'static str> {
    match pattern {
        Pat::Paren(paren) => refutable(&paren.pat),
        Pat::Ident(ident) => match &ident.subpat {
            Some((_, pattern)) => refutable(pattern),
            None => (ident.ident == "None").then_some("None"),
        },
        Pat::TupleStruct(tuple) => {
            let name = &tuple.path.segments.last()?.ident;
            [("Ok", "Ok(…)"), ("Err", "Err(…)"), ("Some", "Some(…)")]
                .into_iter()
                .find_map(|(known, shown)| (name == known).then_some(shown))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::super::ast::Bias;
    use super::super::parse::parse;
    use super::*;
    use crate::report::messages;

    fn mistakes(input: TokenStream) -> Vec<String> {
        match parse(input, Bias::Random).and_then(check) {
            Ok(_) => panic!("was accepted"),
            Err(error) => messages(&error),
        }
    }

    fn accepted(input: TokenStream) -> Select {
        match parse(input, Bias::Random).and_then(check) {
            Ok(select) => select,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_second_default_names_the_first() {
        assert_eq!(
            mistakes(quote!(default => {} <-rx => {} default => {})),
            ["a second `default` (the first is above); keep one"]
        );
        assert_eq!(
            mistakes(quote!(after(d) => {} after(e) => {})),
            ["a second `after(…)` (the first is above); keep one"]
        );
        assert_eq!(
            mistakes(quote!(default => {} after(d) => {})),
            ["both `after(…)` and `default` (above); keep one"]
        );
    }

    #[test]
    fn a_default_under_cfg_may_be_another_ones_counterpart() {
        assert_eq!(
            accepted(quote!(#[cfg(a)] default => {} #[cfg(not(a))] after(d) => {}))
                .arms
                .len(),
            2
        );
    }

    #[test]
    fn default_takes_neither_guard_nor_else() {
        assert_eq!(
            mistakes(quote!(default, if x => {} <-rx => {})),
            ["`default` takes no guard; test the condition in its body"]
        );
        assert_eq!(
            mistakes(quote!(after(d) else { break } => {})),
            ["`after` has no result for `else`; drop the block"]
        );
    }

    #[test]
    fn a_literal_is_no_channel() {
        assert_eq!(
            mistakes(quote!(<-5 => {} "x" <- v => {} recv((1.5)) -> _ => {})),
            [
                "`5` is not a channel; write a receiver after `<-`",
                "`\"x\"` is not a channel; write a sender before `<-`",
                "`1.5` is not a channel; write a receiver after `<-`",
            ]
        );
    }

    #[test]
    fn a_pattern_that_fails_wants_an_else_block() {
        for input in [
            quote!(Ok(v) = <-rx => {}),
            quote!(recv(rx) -> Ok(v) => {}),
            quote!(all @ Ok(_) = <-rx => {}),
        ] {
            assert_eq!(
                mistakes(input),
                ["`Ok(…)` does not match every result; write `… else { break } => …`"]
            );
        }
        accepted(quote!(Ok(v) = <-rx else { break } => {}));
        accepted(quote!(Ok(v) | Err(Closed(v)) = <-rx => {}));
    }

    #[test]
    fn else_without_a_pattern_is_a_mistake() {
        assert_eq!(
            mistakes(quote!(<-rx else { break } => {} tx <- v else { break } => {})),
            [
                "`else` needs a pattern that can fail; write `Ok(v) = <-rx else { … } => …`",
                "`else` needs a pattern that can fail; write `Ok(()) = tx <- v else { … } => …`",
            ]
        );
    }
}
