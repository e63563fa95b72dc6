//! The arguments of `#[gort::main(…)]` and `#[gort::test(…)]`.
//!
//! ```text
//! args = { (key "=" expr | "bubble") "," }
//! keys: procs, stack, thread_locals; for a test also leaks, timeout, explore
//! ```
//!
//! A number is an integer literal or any expression of type `usize` (`64 * 1024`, a constant). This
//! file reports a literal that cannot be one; other mistakes are left to rustc. A duration is a
//! string: `"500ms"`, `"1.5s"`, `"2m"`, `"1h"`.

use proc_macro2::{Ident, Span, TokenStream};
use std::time::Duration;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprLit, Lit, Token};

use super::EntryPoint;
use crate::report::{Report, here};

/// The time limit of a test that sets none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The attribute's arguments.
pub(crate) struct Args {
    /// `procs = N`.
    pub(crate) procs: Option<Expr>,
    /// `stack = N`.
    pub(crate) stack: Option<Expr>,
    /// `thread_locals = "own"`.
    pub(crate) own_thread_locals: bool,
    /// `leaks = "allow"`.
    pub(crate) leaks_allowed: bool,
    /// `timeout = "5s"`; `None` for `"none"`.
    pub(crate) timeout: Option<Duration>,
    /// `bubble`.
    pub(crate) bubble: bool,
    /// `explore = N`.
    pub(crate) explore: Option<Expr>,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            procs: None,
            stack: None,
            own_thread_locals: false,
            leaks_allowed: false,
            timeout: Some(DEFAULT_TIMEOUT),
            bubble: false,
            explore: None,
        }
    }
}

/// Parses and checks the arguments.
///
/// # Errors
///
/// Returns all the mistakes in them, or the first syntax error.
pub(crate) fn parse(entry: EntryPoint, args: TokenStream) -> syn::Result<Args> {
    (|input: ParseStream<'_>| parse_args(entry, input)).parse2(args)
}

fn parse_args(entry: EntryPoint, input: ParseStream<'_>) -> syn::Result<Args> {
    let mut report = Report::default();
    let mut args = Args::default();
    let mut seen: Vec<Ident> = Vec::new();
    while !input.is_empty() {
        let key: Ident = input.parse()?;
        let is_flag = key == "bubble" && !input.peek(Token![=]);
        if !is_flag && !input.peek(Token![=]) {
            return Err(syn::Error::new(
                key.span(),
                format_args!(
                    "expected `=` and a value after `{key}`; write `{}`",
                    example(&key)
                ),
            ));
        }
        let value: Option<Expr> = if is_flag {
            None
        } else {
            input.parse::<Token![=]>()?;
            Some(input.parse()?)
        };
        if seen.contains(&key) {
            report.at(key.span(), format_args!("`{key}` is given twice; keep one"));
        } else if let Some(value) = value {
            set(entry, &mut args, &key, value, &mut report);
        } else if entry == EntryPoint::Test {
            args.bubble = true;
        } else {
            report.at(key.span(), "`bubble` belongs to `#[gort::test]`; drop it");
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
    if args.bubble && args.explore.is_some() {
        let key = seen.iter().find(|key| *key == "bubble");
        report.at(
            key.map_or_else(Span::call_site, Ident::span),
            "an explored test always runs in a bubble; drop `bubble`",
        );
    }
    report.finish(args)
}

fn set(entry: EntryPoint, args: &mut Args, key: &Ident, value: Expr, report: &mut Report) {
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
    } else if key == "thread_locals" {
        let own = text_of(&value).as_deref() == Some("own");
        if !own {
            report.on(
                &value,
                "`thread_locals` is \"own\" or left out; write `thread_locals = \"own\"`",
            );
        }
        args.own_thread_locals = own;
    } else if key == "leaks" && entry == EntryPoint::Test {
        let allow = text_of(&value).as_deref() == Some("allow");
        if !allow {
            report.on(
                &value,
                "`leaks` is \"allow\" or left out; write `leaks = \"allow\"`",
            );
        }
        args.leaks_allowed = allow;
    } else if key == "timeout" && entry == EntryPoint::Test {
        match text_of(&value).as_deref().map(duration) {
            Some(Ok(timeout)) => args.timeout = timeout,
            Some(Err(message)) => report.on(&value, message),
            None => report.on(
                &value,
                "`timeout` is a duration in quotes, or \"none\"; write `timeout = \"5s\"`",
            ),
        }
    } else if key == "explore" && entry == EntryPoint::Test {
        if !may_be_count(&value) {
            report.on(
                &value,
                "`explore` is the number of schedules, an integer above zero; write `explore = 1_000`",
            );
        }
        args.explore = Some(value);
    } else if key == "bubble" {
        report.on(&value, "`bubble` takes no value; write `bubble`");
    } else if key == "leaks" || key == "timeout" || key == "explore" {
        report.at(
            key.span(),
            format_args!("`{key}` belongs to `#[gort::test]`; drop it"),
        );
    } else {
        let known = match entry {
            EntryPoint::Main => "`procs = N`, `stack = N` and `thread_locals = \"own\"`",
            EntryPoint::Test => {
                "`procs = N`, `stack = N`, `thread_locals = \"own\"`, `leaks = \"allow\"`, `timeout = \"5s\"`, `bubble` and `explore = N`"
            }
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

/// Returns an example of an argument.
fn example(key: &Ident) -> &'static str {
    match key.to_string().as_str() {
        "procs" => "procs = 4",
        "stack" => "stack = 1 << 20",
        "thread_locals" => "thread_locals = \"own\"",
        "leaks" => "leaks = \"allow\"",
        "timeout" => "timeout = \"5s\"",
        "explore" => "explore = 1_000",
        _ => "key = value",
    }
}

/// Returns the value of a string literal.
fn text_of(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

/// Parses a duration; `"none"` gives `None`.
fn duration(text: &str) -> Result<Option<Duration>, &'static str> {
    const NOT_ONE: &str = "`timeout` is a number with `ms`, `s`, `m` or `h` behind it, or \"none\"; write `timeout = \"5s\"`";
    if text == "none" {
        return Ok(None);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(NOT_ONE),
    };
    // Accept only digits with at most one point between them: `parse` accepts more than that.
    let is_plain = !digits.starts_with('.')
        && !digits.ends_with('.')
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = match digits.parse() {
        Ok(number) if is_plain => number,
        _ => return Err(NOT_ONE),
    };
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(Duration::ZERO) => {
            Err("`timeout` is above zero, or \"none\" for no limit; write `timeout = \"5s\"`")
        }
        Ok(timeout) if u64::try_from(timeout.as_nanos()).is_ok() => Ok(Some(timeout)),
        _ => Err("`timeout` is longer than the clock can represent; write `timeout = \"none\"`"),
    }
}

/// Returns whether a value can be a number above zero, as far as its tokens show.
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

    fn parsed(entry: EntryPoint, args: TokenStream) -> Args {
        match parse(entry, args) {
            Ok(args) => args,
            Err(error) => panic!("{error}"),
        }
    }

    fn mistakes(entry: EntryPoint, args: TokenStream) -> Vec<String> {
        match parse(entry, args) {
            Ok(_) => panic!("was accepted"),
            Err(error) => messages(&error),
        }
    }

    #[test]
    fn arguments_come_in_any_order() {
        let args = parsed(
            EntryPoint::Test,
            quote!(leaks = "allow", stack = 64 * 1024, procs = 2,),
        );
        assert!(args.procs.is_some() && args.stack.is_some() && args.leaks_allowed);
        let args = parsed(EntryPoint::Main, quote!());
        assert!(args.procs.is_none() && args.stack.is_none() && !args.leaks_allowed);
    }

    #[test]
    fn all_mistakes_are_told_together() {
        assert_eq!(
            mistakes(
                EntryPoint::Main,
                quote!(procs = 0, procs = 1, threads = 4, leaks = "allow")
            ),
            [
                "`procs` is an integer above zero; write `procs = 4`",
                "`procs` is given twice; keep one",
                "unknown argument `threads`; `#[gort::main]` takes `procs = N`, `stack = N` and `thread_locals = \"own\"`",
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
                mistakes(EntryPoint::Test, quote!(stack = #value)),
                ["`stack` is an integer above zero; write `stack = 1 << 20`"]
            );
        }
    }

    #[test]
    fn thread_locals_are_own_or_not_mentioned() {
        assert!(parsed(EntryPoint::Main, quote!(thread_locals = "own")).own_thread_locals);
        assert_eq!(
            mistakes(EntryPoint::Test, quote!(thread_locals = "shared")),
            ["`thread_locals` is \"own\" or left out; write `thread_locals = \"own\"`"]
        );
    }

    #[test]
    fn leaks_are_allowed_or_not_mentioned() {
        assert_eq!(
            mistakes(EntryPoint::Test, quote!(leaks = "deny")),
            ["`leaks` is \"allow\" or left out; write `leaks = \"allow\"`"]
        );
    }

    #[test]
    fn a_timeout_is_a_duration() {
        for (text, millis) in [
            ("5s", 5_000),
            ("500ms", 500),
            ("1.5s", 1_500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0.1s", 100),
        ] {
            assert_eq!(
                parsed(EntryPoint::Test, quote!(timeout = #text)).timeout,
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        assert_eq!(
            parsed(EntryPoint::Test, quote!(timeout = "none")).timeout,
            None
        );
        assert_eq!(
            parsed(EntryPoint::Test, quote!()).timeout,
            Some(DEFAULT_TIMEOUT)
        );
    }

    #[test]
    fn what_is_no_duration_is_no_timeout() {
        for text in [
            "", "5", "s", "5 s", " 5s", "-5s", "+5s", ".5s", "5.s", "1e3s", "infs", "NaNs",
            "1.2.3s", "5S", "5sec", "None", "1m30s",
        ] {
            let said = mistakes(EntryPoint::Test, quote!(timeout = #text));
            assert!(
                said[0].starts_with("`timeout` is a number with"),
                "{text}: {said:?}"
            );
        }
        for value in [
            quote!(5),
            quote!(1.5),
            quote!(SECOND),
            quote!('s'),
            quote!(b"5s"),
        ] {
            assert_eq!(
                mistakes(EntryPoint::Test, quote!(timeout = #value)),
                ["`timeout` is a duration in quotes, or \"none\"; write `timeout = \"5s\"`"]
            );
        }
        for text in ["0s", "0.0ms"] {
            let said = mistakes(EntryPoint::Test, quote!(timeout = #text));
            assert!(said[0].contains("is above zero"), "{text}: {said:?}");
        }
        for text in ["6000000h", "99999999999999999999999999s"] {
            let said = mistakes(EntryPoint::Test, quote!(timeout = #text));
            assert!(
                said[0].contains("longer than the clock"),
                "{text}: {said:?}"
            );
        }
        assert_eq!(
            mistakes(EntryPoint::Main, quote!(timeout = "5s")),
            ["`timeout` belongs to `#[gort::test]`; drop it"]
        );
    }

    #[test]
    fn a_bubble_is_asked_for_by_name() {
        assert!(parsed(EntryPoint::Test, quote!(bubble, timeout = "5s")).bubble);
        assert!(parsed(EntryPoint::Test, quote!(procs = 1, bubble)).bubble);
        assert!(!parsed(EntryPoint::Test, quote!()).bubble);
        assert_eq!(
            mistakes(EntryPoint::Test, quote!(bubble = true)),
            ["`bubble` takes no value; write `bubble`"]
        );
        assert_eq!(
            mistakes(EntryPoint::Test, quote!(bubble, bubble)),
            ["`bubble` is given twice; keep one"]
        );
        assert_eq!(
            mistakes(EntryPoint::Main, quote!(bubble)),
            ["`bubble` belongs to `#[gort::test]`; drop it"]
        );
    }

    #[test]
    fn schedules_are_counted() {
        assert!(
            parsed(EntryPoint::Test, quote!(explore = 1_000))
                .explore
                .is_some()
        );
        assert!(
            parsed(EntryPoint::Test, quote!(explore = N * 2, procs = 1))
                .explore
                .is_some()
        );
        assert!(parsed(EntryPoint::Test, quote!()).explore.is_none());
        for value in [quote!(0), quote!("1000"), quote!(-1)] {
            assert_eq!(
                mistakes(EntryPoint::Test, quote!(explore = #value)),
                [
                    "`explore` is the number of schedules, an integer above zero; write `explore = 1_000`"
                ]
            );
        }
        assert_eq!(
            mistakes(EntryPoint::Test, quote!(explore)),
            ["expected `=` and a value after `explore`; write `explore = 1_000`"]
        );
        assert_eq!(
            mistakes(EntryPoint::Test, quote!(bubble, explore = 10)),
            ["an explored test always runs in a bubble; drop `bubble`"]
        );
        assert_eq!(
            mistakes(EntryPoint::Main, quote!(explore = 10)),
            ["`explore` belongs to `#[gort::test]`; drop it"]
        );
    }

    #[test]
    fn an_argument_has_a_value() {
        assert_eq!(
            mistakes(EntryPoint::Main, quote!(procs)),
            ["expected `=` and a value after `procs`; write `procs = 4`"]
        );
        assert_eq!(
            mistakes(EntryPoint::Main, quote!(procs = 1 stack = 2)),
            ["expected `,` between the arguments; write `procs = 4, stack = 1 << 20`"]
        );
    }
}
