//! `go!`: evaluates callee and arguments at the call site, and makes the call in a goroutine.
//!
//! [`parse`] finds the options and the statements of the body. [`valid`] determines the form of the
//! body and collects the mistakes. [`expand`] writes the spawn.

use proc_macro2::TokenStream;

mod clones;
mod expand;
mod parse;
mod valid;

use crate::report;

/// The brackets around the input of `go!`.
///
/// The grammar depends on them: `go! { 42 }` is a block, `go!(42)` is a mistake. A macro is not
/// told its brackets, so they are read from the source text of the call. If there is no source
/// text, everything that can be a block is treated as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delimiter {
    /// `go! { … }`.
    Brace,
    /// `go!(…)` or `go![…]`.
    Paren,
    /// Another macro wrote the call, and its source text is not available.
    Unknown,
}

impl Delimiter {
    /// Returns the brackets of the macro call that is being expanded.
    pub(crate) fn of_call_site() -> Delimiter {
        proc_macro::Span::call_site()
            .source_text()
            .map_or(Delimiter::Unknown, |text| Delimiter::of_text(&text))
    }

    fn of_text(text: &str) -> Delimiter {
        match text
            .split_once('!')
            .and_then(|(_, rest)| rest.trim_start().chars().next())
        {
            Some('{') => Delimiter::Brace,
            Some('(' | '[') => Delimiter::Paren,
            _ => Delimiter::Unknown,
        }
    }
}

/// Expands `go!`.
pub(crate) fn go(input: TokenStream, delimiter: Delimiter) -> TokenStream {
    match parse::parse(input.clone(), delimiter).and_then(|go| valid::check(go, delimiter)) {
        Ok(go) => expand::expand(&go),
        Err(error) => report::fallback_expr(&error, input),
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn a_half_written_body_is_in_the_expansion() {
        let cases = [
            (quote!(x.), "move || { x . }"),
            (
                quote!(let a = 1; a.f(), x.),
                "move || { let a = 1 ; a . f () , x . }",
            ),
            (quote!(clone [x]; x.), "move || { x . }"),
            (quote!(f(a b)), "move || { f (a b) }"),
            (quote!(name = "x", x.), "move || { x . }"),
        ];
        for (input, expected) in cases {
            let text = go(input, Delimiter::Brace).to_string();
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn the_brackets_are_read_from_the_text_of_the_call() {
        assert_eq!(Delimiter::of_text("go!(f())"), Delimiter::Paren);
        assert_eq!(Delimiter::of_text("gort::go! [f()]"), Delimiter::Paren);
        assert_eq!(Delimiter::of_text("go! { f({}) }"), Delimiter::Brace);
        assert_eq!(Delimiter::of_text("spawn_it"), Delimiter::Unknown);
    }
}
