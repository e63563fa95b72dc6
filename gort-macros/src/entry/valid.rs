//! Checks the function under `#[gort::main]` and `#[gort::test]`.

use proc_macro2::TokenStream;
use syn::{ItemFn, Safety};

use super::EntryPoint;
use crate::report::Report;

/// Parses the function under the attribute.
///
/// # Errors
///
/// Returns an error if the item is not a function.
pub(crate) fn function(entry: EntryPoint, item: TokenStream) -> syn::Result<ItemFn> {
    syn::parse2::<ItemFn>(item.clone()).map_err(|error| {
        match syn::parse2::<syn::Item>(item.clone()) {
            Ok(_) => syn::Error::new_spanned(
                item,
                format_args!(
                    "`{}` belongs on a function; put it before a `fn`",
                    entry.shown()
                ),
            ),
            Err(_) => error,
        }
    })
}

/// Checks the signature and the attributes.
///
/// # Errors
///
/// Returns all the mistakes in them.
pub(crate) fn check(entry: EntryPoint, function: &ItemFn) -> syn::Result<()> {
    let mut report = Report::default();
    let sig = &function.sig;
    let shown = entry.shown();
    if let Some(token) = &sig.asyncness {
        report.at(
            token.span,
            format_args!("`{shown}` does not await; drop `async`, or wait with `gort::future::block_on(future)`"),
        );
    }
    if let Some(token) = &sig.constness {
        report.at(
            token.span,
            format_args!("`{shown}` cannot run at compile time; drop `const`"),
        );
    }
    if let Safety::Unsafe(token) = &sig.safety {
        report.at(
            token.span,
            format_args!(
                "`{shown}` needs a safe function; drop `unsafe`, and use an `unsafe` block inside"
            ),
        );
    }
    if let Some(abi) = &sig.abi {
        report.on(
            abi,
            format_args!("`{shown}` belongs on a Rust function; drop `extern`"),
        );
    }
    if !sig.generics.params.is_empty() {
        report.on(
            &sig.generics,
            format_args!("`{shown}` cannot supply generic parameters; drop them"),
        );
    }
    if !sig.inputs.is_empty() {
        let way_out = match entry {
            EntryPoint::Main => "read them with `std::env::args()`",
            EntryPoint::Test => "make the values inside",
        };
        report.on(
            &sig.inputs,
            format_args!("`{shown}` passes no arguments; {way_out}"),
        );
    }
    match entry {
        EntryPoint::Main if sig.ident != "main" => {
            let message = format!(
                "`#[gort::main]` belongs on `fn main`, not `fn {}`; elsewhere use `gort::runtime::run`",
                sig.ident
            );
            report.at(sig.ident.span(), message);
        }
        EntryPoint::Main => {}
        EntryPoint::Test => {
            for attr in function
                .attrs
                .iter()
                .filter(|attr| attr.path().is_ident("test"))
            {
                report.on(attr, "`#[gort::test]` makes the test; drop `#[test]`");
            }
        }
    }
    report.finish(())
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;
    use crate::report::messages;

    fn mistakes(entry: EntryPoint, item: TokenStream) -> Vec<String> {
        match function(entry, item).and_then(|function| check(entry, &function)) {
            Ok(()) => panic!("was accepted"),
            Err(error) => messages(&error),
        }
    }

    #[test]
    fn main_is_called_main() {
        assert_eq!(
            mistakes(
                EntryPoint::Main,
                quote!(
                    fn start() {}
                )
            ),
            [
                "`#[gort::main]` belongs on `fn main`, not `fn start`; elsewhere use `gort::runtime::run`"
            ]
        );
    }

    #[test]
    fn all_mistakes_are_told_together() {
        assert_eq!(
            mistakes(
                EntryPoint::Test,
                quote!(
                    #[test]
                    async fn t<T>(x: T) {}
                )
            ),
            [
                "`#[gort::test]` does not await; drop `async`, or wait with `gort::future::block_on(future)`",
                "`#[gort::test]` cannot supply generic parameters; drop them",
                "`#[gort::test]` passes no arguments; make the values inside",
                "`#[gort::test]` makes the test; drop `#[test]`",
            ]
        );
    }

    #[test]
    fn only_a_function_may_stand_under_it() {
        assert_eq!(
            mistakes(
                EntryPoint::Main,
                quote!(
                    struct Main;
                )
            ),
            ["`#[gort::main]` belongs on a function; put it before a `fn`"]
        );
    }

    #[test]
    fn unsafe_const_and_extern_are_refused() {
        assert_eq!(
            mistakes(
                EntryPoint::Main,
                quote!(
                    const unsafe extern "C" fn main() {}
                )
            )
            .len(),
            3
        );
    }
}
