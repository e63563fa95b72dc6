//! The names that an expansion uses.
//!
//! Everything that a user's names could hide goes through this file: absolute paths into `::gort::__macro` and
//! `::core`, and locals that only the expansion can see. A span given here says where an error is *shown*; names are
//! always resolved as at the definition of the macro (`Span::mixed_site()`), whatever the place.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned};

use crate::manifest::name_of_gort;

/// `place`'s source location with the macro's own hygiene: what an expansion gives to tokens that the user did not
/// write.
///
/// Lints take such tokens for a foreign macro's and keep quiet about them.
pub(crate) fn at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// `::gort::__macro::NAME`, shown at `place`; whatever the user's crate calls gort.
pub(crate) fn gort(name: &str, place: Span) -> TokenStream {
    gort_as(name, at(place))
}

/// `::gort::__macro::NAME`, with this very span.
pub(crate) fn gort_as(name: &str, span: Span) -> TokenStream {
    let gort = Ident::new(&name_of_gort(), span);
    let name = Ident::new(name, span);
    quote_spanned!(span=> ::#gort::__macro::#name)
}

/// A local variable or label-free binding `__PREFIX_INDEX` that user code cannot name.
pub(crate) fn local(prefix: &str, index: usize) -> Ident {
    format_ident!("__{prefix}{index}", span = Span::mixed_site())
}

/// A local variable `__NAME` that user code cannot name.
pub(crate) fn single(name: &str) -> Ident {
    format_ident!("__{name}", span = Span::mixed_site())
}

/// `::core::option::Option::Some`.
pub(crate) fn some() -> TokenStream {
    quote_spanned!(Span::mixed_site()=> ::core::option::Option::Some)
}

/// `::core::option::Option::None`.
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
