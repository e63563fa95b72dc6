//! Collects mistakes, so that one compilation shows all of them.
//!
//! The contract with the rest of the crate:
//! 1. A syntax error is returned as `Err` and ends parsing, because nothing after it can be
//!    trusted.
//! 2. Every other mistake is added to the [`Report`], and checking continues.
//! 3. Expansion takes place only if the report is empty. Otherwise [`Report::finish`] returns all
//!    the errors, in the order in which they were added, and the caller adds a fallback.
//!
//! Wording: lower case, no full stop, code in backticks. A message first says what is wrong, and
//! then, after `; `, what to write instead.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::parse::ParseStream;

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Report {
    errors: Option<syn::Error>,
}

impl Report {
    /// Adds a mistake at one token.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Adds a mistake that covers all of `tokens`.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Adds an error that syn or a parse function has returned.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.errors {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
    }

    /// Returns `value` if there was no mistake.
    ///
    /// # Errors
    ///
    /// Returns all the mistakes as one error.
    pub(crate) fn finish<T>(self, value: T) -> syn::Result<T> {
        match self.errors {
            None => Ok(value),
            Some(all) => Err(all),
        }
    }

    /// Returns the value of a step if there is one; otherwise adds its error.
    pub(crate) fn take<T>(&mut self, step: syn::Result<T>) -> Option<T> {
        match step {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(error);
                None
            }
        }
    }
}

/// Returns an error at the next token, or at the whole input if that has ended.
///
/// syn's own `ParseStream::error` puts "unexpected end of input" in front of the message, which
/// adds nothing.
pub(crate) fn here(input: ParseStream<'_>, message: impl std::fmt::Display) -> syn::Error {
    syn::Error::new(input.span(), message)
}

/// Returns `error`, unless it is syn's error that the tokens ended too early. syn shows that one at
/// the whole macro call; the error returned in its place is shown at `last`, the last token.
pub(crate) fn ended(error: syn::Error, last: Span) -> syn::Error {
    if error.to_string().starts_with("unexpected end of input") {
        return syn::Error::new(last, "this ends too early; finish the expression");
    }
    error
}

/// Returns an expression that shows `error` and otherwise fits in the macro's place.
///
/// It has any type that the context wants. The type is not `!`, so rustc does not call the code
/// behind it unreachable. It also contains the input: rust-analyzer does not complete at tokens
/// that are missing from the expansion.
pub(crate) fn fallback_expr(error: &syn::Error, input: TokenStream) -> TokenStream {
    let errors = error.to_compile_error();
    quote_spanned!(Span::mixed_site()=> {
        #errors
        let _ = ::core::stringify!(#input);
        (|| ::core::unreachable!())()
    })
}

/// Returns the messages of an error, for unit tests.
#[cfg(test)]
pub(crate) fn messages(error: &syn::Error) -> Vec<String> {
    error
        .clone()
        .into_iter()
        .map(|one| one.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_report_lets_the_value_pass() {
        assert!(matches!(Report::default().finish(5), Ok(5)));
    }

    #[test]
    fn errors_come_out_together_and_in_order() {
        let mut report = Report::default();
        report.at(Span::call_site(), "first");
        report.on(quote::quote!(a b), "second");
        let step: syn::Result<()> = Err(syn::Error::new(Span::call_site(), "third"));
        assert!(report.take(step).is_none());
        let Err(error) = report.finish(()) else {
            panic!("three errors were noted")
        };
        assert_eq!(messages(&error), ["first", "second", "third"]);
    }

    #[test]
    fn the_fallback_shows_the_error_and_is_an_expression() {
        let error = syn::Error::new(Span::call_site(), "no");
        let tokens = fallback_expr(&error, quote::quote!(x. <- +));
        assert!(
            tokens
                .to_string()
                .contains(":: core :: compile_error ! { \"no\" }")
        );
        assert!(tokens.to_string().contains("stringify ! (x . <- +)"));
        assert!(syn::parse2::<syn::Expr>(tokens).is_ok());
    }
}
