//! The arguments of `#[gort::main(…)]` and `#[gort::test(…)]`.
//!
//! ```text
//! args = { key "=" expr "," }        keys: procs, stack; for a test also leaks
//! ```
//!
//! A number is an integer literal or any expression that gives a `usize` (`64 * 1024`, a constant). A literal that
//! cannot be one is named here, the rest is rustc's.

use proc_macro2::{Ident, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprLit, Lit, Token};

use super::Entry;
use crate::report::{Report, here};

/// What the attribute asks for.
#[derive(Default)]
pub(crate) struct Args {
    /// `procs = N`.
    pub(crate) procs: Option<Expr>,
    /// `stack = N`.
    pub(crate) stack: Option<Expr>,
    /// `leaks = "allow"`.
    pub(crate) leaks_allowed: bool,
}

/// Parses and checks the arguments.
///
/// # Errors
///
/// All the mistakes in them, or the first syntax error.
pub(crate) fn parse(entry: Entry, args: TokenStream) -> syn::Result<Args> {
    (|input: ParseStream<'_>| parse_args(entry, input)).parse2(args)
}

fn parse_args(entry: Entry, input: ParseStream<'_>) -> syn::Result<Args> {
    let mut report = Report::default();
    let mut args = Args::default();
    let mut seen: Vec<Ident> = Vec::new();
    while !input.is_empty() {
        let key: Ident = input.parse()?;
        if !input.peek(Token![=]) {
            return Err(syn::Error::new(
                key.span(),
                format_args!(
                    "expected `=` and a value after `{key}`; write `{}`",
                    example(&key)
                ),
            ));
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        if seen.contains(&key) {
            report.at(key.span(), format_args!("`{key}` is given twice; keep one"));
        } else {
            set(entry, &mut args, &key, value, &mut report);
        }
        seen.push(key);
        if !input.is_empty() {
            if !input.peek(Token![,]) {
                return Err(here(
                    input,
                    "expected `,` between the arguments; write `procs = 4, stack = 1 << 20`",
                ));
            }
            input.parse::<Token![,]>()?;
        }
    }
    report.finish(args)
}

fn set(entry: Entry, args: &mut Args, key: &Ident, value: Expr, report: &mut Report) {
    if key == "procs" || key == "stack" {
        if !may_be_count(&value) {
            report.on(
                &value,
                format_args!("`{key}` is an integer above zero; write `{}`", example(key)),
            );
        }
        if key == "procs" {
            args.procs = Some(value);
        } else {
            args.stack = Some(value);
        }
    } else if key == "leaks" && entry == Entry::Test {
        let allow = matches!(&value, Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text.value() == "allow");
        if !allow {
            report.on(
                &value,
                "`leaks` is \"allow\" or left out; write `leaks = \"allow\"`",
            );
        }
        args.leaks_allowed = allow;
    } else if key == "leaks" {
        report.at(key.span(), "`leaks` belongs to `#[gort::test]`; drop it");
    } else {
        let known = match entry {
            Entry::Main => "`procs = N` and `stack = N`",
            Entry::Test => "`procs = N`, `stack = N` and `leaks = \"allow\"`",
        };
        report.at(
            key.span(),
            format_args!(
                "unknown argument `{key}`; `{}` takes {known}",
                entry.shown()
            ),
        );
    }
}

/// The argument as it may be written.
fn example(key: &Ident) -> &'static str {
    match key.to_string().as_str() {
        "procs" => "procs = 4",
        "stack" => "stack = 1 << 20",
        "leaks" => "leaks = \"allow\"",
        _ => "key = value",
    }
}

/// Whether a value can be a number above zero, as far as its tokens tell.
fn may_be_count(value: &Expr) -> bool {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_digits() != "0",
        Expr::Lit(_) => false,
        Expr::Unary(unary) => !matches!(unary.op, syn::UnOp::Neg(_)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;
    use crate::report::messages;

    fn parsed(entry: Entry, args: TokenStream) -> Args {
        match parse(entry, args) {
            Ok(args) => args,
            Err(error) => panic!("{error}"),
        }
    }

    fn mistakes(entry: Entry, args: TokenStream) -> Vec<String> {
        match parse(entry, args) {
            Ok(_) => panic!("was accepted"),
            Err(error) => messages(&error),
        }
    }

    #[test]
    fn arguments_come_in_any_order() {
        let args = parsed(
            Entry::Test,
            quote!(leaks = "allow", stack = 64 * 1024, procs = 2,),
        );
        assert!(args.procs.is_some() && args.stack.is_some() && args.leaks_allowed);
        let args = parsed(Entry::Main, quote!());
        assert!(args.procs.is_none() && args.stack.is_none() && !args.leaks_allowed);
    }

    #[test]
    fn all_mistakes_are_told_together() {
        assert_eq!(
            mistakes(
                Entry::Main,
                quote!(procs = 0, procs = 1, threads = 4, leaks = "allow")
            ),
            [
                "`procs` is an integer above zero; write `procs = 4`",
                "`procs` is given twice; keep one",
                "unknown argument `threads`; `#[gort::main]` takes `procs = N` and `stack = N`",
                "`leaks` belongs to `#[gort::test]`; drop it",
            ]
        );
    }

    #[test]
    fn a_number_is_a_number() {
        for value in [
            quote!("4"),
            quote!(0),
            quote!(-1),
            quote!(true),
            quote!(1.5),
        ] {
            assert_eq!(
                mistakes(Entry::Test, quote!(stack = #value)),
                ["`stack` is an integer above zero; write `stack = 1 << 20`"]
            );
        }
    }

    #[test]
    fn leaks_are_allowed_or_not_mentioned() {
        assert_eq!(
            mistakes(Entry::Test, quote!(leaks = "deny")),
            ["`leaks` is \"allow\" or left out; write `leaks = \"allow\"`"]
        );
    }

    #[test]
    fn an_argument_has_a_value() {
        assert_eq!(
            mistakes(Entry::Main, quote!(procs)),
            ["expected `=` and a value after `procs`; write `procs = 4`"]
        );
        assert_eq!(
            mistakes(Entry::Main, quote!(procs = 1 stack = 2)),
            ["expected `,` between the arguments; write `procs = 4, stack = 1 << 20`"]
        );
    }
}
