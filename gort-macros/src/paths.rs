//! Creates the names that an expansion uses.
//!
//! This file creates every name that a user's names could shadow: absolute paths into
//! `::gort::__macro` and `::core`, and locals that only the expansion can see. A span passed to its
//! functions says where an error is *shown*. Names are always resolved at the definition of the
//! macro (`Span::mixed_site()`).

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned};

use crate::manifest::name_of_gort;

/// Returns a span with the source location of `place` and the macro's own hygiene, for tokens that
/// the user did not write.
///
/// Lints ignore such tokens, because they come from a foreign macro.
pub(crate) fn at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// Returns `::gort::__macro::NAME`, located at `place`, with the user's name for gort.
pub(crate) fn gort(name: &str, place: Span) -> TokenStream {
    gort_as(name, at(place))
}

/// Returns `::gort::__macro::NAME` with exactly this span.
pub(crate) fn gort_as(name: &str, span: Span) -> TokenStream {
    let gort = Ident::new(&name_of_gort(), span);
    let name = Ident::new(name, span);
    quote_spanned!(span=> ::#gort::__macro::#name)
}

/// Returns the name `__PREFIXINDEX` of a local variable that user code cannot name.
pub(crate) fn local(prefix: &str, index: usize) -> Ident {
    format_ident!("__{prefix}{index}", span = Span::mixed_site())
}

/// Returns the name `__NAME` of a local variable that user code cannot name.
pub(crate) fn single(name: &str) -> Ident {
    format_ident!("__{name}", span = Span::mixed_site())
}

/// Returns `::core::option::Option::Some`.
pub(crate) fn some() -> TokenStream {
    quote_spanned!(Span::mixed_site()=> ::core::option::Option::Some)
}

/// Returns `::core::option::Option::None`.
pub(crate) fn none() -> TokenStream {
    quote_spanned!(Span::mixed_site()=> ::core::option::Option::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute() {
        assert_eq!(
            gort("spawn", Span::call_site()).to_string(),
            ":: gort :: __macro :: spawn"
        );
        assert_eq!(some().to_string(), ":: core :: option :: Option :: Some");
        assert_eq!(none().to_string(), ":: core :: option :: Option :: None");
    }

    #[test]
    fn locals_are_numbered() {
        assert_eq!(local("arm", 7).to_string(), "__arm7");
        assert_eq!(single("chosen").to_string(), "__chosen");
    }
}
