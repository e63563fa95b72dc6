//! Writes the expansions of `#[gort::main]` and `#[gort::test]`.
//!
//! ```text
//! #[gort::test(procs = 2)]
//! #[should_panic]
//! fn t() -> R { BODY }
//!
//! #[::core::prelude::v1::test]
//! #[should_panic]
//! fn t() {
//!     fn t() -> R { BODY }
//!     ::gort::__macro::run_test(::gort::__macro::TestOptions { procs: Some(2), … }, t)
//! }
//! ```
//!
//! The body is a function of its own, not a closure. So it cannot capture anything, and backtraces
//! show its name. It has the outer function's name, under which other tools know the test (insta
//! names a snapshot after the function that takes it). Attributes and visibility stay on the outer
//! function, whose lint levels apply inside as well. clippy's `unnecessary_wraps` makes an
//! exception for `main` and tests, but not for the inner function, which therefore allows the lint.
//!
//! The result of `main` becomes an `ExitCode` in its goroutine, so it does not have to be `Send`
//! (`Box<dyn Error>` is not). A test returns nothing: `run_test` turns an `Err` into a panic,
//! because it may have run the test in another process, and then has no value to return.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ItemFn, Lit, Meta, MetaNameValue, ReturnType};

use super::EntryPoint;
use super::args::Args;
use crate::paths::{at, gort, none, some};

/// Writes the outer function, with the user's function inside it.
pub(crate) fn expand(entry: EntryPoint, args: &Args, function: &ItemFn) -> TokenStream {
    let span = Span::mixed_site();
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
        ..
    } = function;
    let (name, output) = (&sig.ident, &sig.output);
    // The place at which rustc reports an unsuitable result type.
    let place = match output {
        ReturnType::Default => Span::call_site(),
        ReturnType::Type(_, result) => result.span(),
    };
    let (procs, stack) = (optional(args.procs.as_ref()), optional(args.stack.as_ref()));
    let own = args.own_thread_locals;
    let named = |span| {
        let mut body = name.clone();
        body.set_span(span);
        body
    };
    // The inner name has the macro's hygiene, so that lints about the name warn only once.
    let (inner, body) = (named(span), named(at(place)));
    let test =
        (entry == EntryPoint::Test).then(|| quote_spanned!(span=> #[::core::prelude::v1::test]));
    let run = match entry {
        EntryPoint::Main => {
            let (run, options) = (
                gort("run_main", place),
                gort("MainOptions", Span::call_site()),
            );
            quote_spanned!(span=> #run(#options { procs: #procs, stack: #stack, own_thread_locals: #own }, #body))
        }
        EntryPoint::Test => {
            let (run, options) = (
                gort("run_test", place),
                gort("TestOptions", Span::call_site()),
            );
            let (leaks_allowed, bubble) = (args.leaks_allowed, args.bubble);
            let timeout = args.timeout.map_or_else(none, |limit| {
                let (some, limit) = (some(), limit.as_nanos() as u64);
                quote_spanned!(span=> #some(::core::time::Duration::from_nanos(#limit)))
            });
            let explore = args.explore.as_ref().map_or_else(none, |n| {
                let (some, span) = (some(), at(n.span()));
                quote_spanned!(span=> #some({ let __value: ::core::primitive::u64 = #n; __value }))
            });
            let should_panic = should_panic(function).map_or_else(none, |words| {
                let some = some();
                quote_spanned!(span=> #some(#words))
            });
            quote_spanned! {span=>
                #run(
                    #options {
                        procs: #procs,
                        stack: #stack,
                        own_thread_locals: #own,
                        leaks_allowed: #leaks_allowed,
                        timeout: #timeout,
                        bubble: #bubble,
                        explore: #explore,
                        should_panic: #should_panic,
                        name: ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
                    },
                    #body,
                )
            }
        }
    };
    let returned = (entry == EntryPoint::Main).then(|| {
        let exit_code = gort("ExitCode", Span::call_site());
        quote_spanned!(span=> -> #exit_code)
    });
    quote_spanned! {span=>
        #test
        #(#attrs)*
        #vis fn #name() #returned {
            #[allow(clippy::unnecessary_wraps)]
            fn #inner() #output #block
            #run
        }
    }
}

fn optional(value: Option<&Expr>) -> TokenStream {
    value.map_or_else(none, |value| {
        let (some, span) = (some(), at(value.span()));
        quote_spanned!(span=> #some({ let __value: ::core::primitive::usize = #value; __value }))
    })
}

/// Returns the text that a test should panic with, empty if any panic will do, or `None` if the
/// test should not panic.
fn should_panic(function: &ItemFn) -> Option<String> {
    let attr = function
        .attrs
        .iter()
        .find(|attr| attr.path().is_ident("should_panic"))?;
    let expected = match &attr.meta {
        Meta::List(list) => list.parse_args::<MetaNameValue>().ok(),
        Meta::NameValue(pair) => Some(pair.clone()),
        Meta::Path(_) => None,
    };
    // libtest reports attributes of other forms.
    Some(match expected.map(|pair| pair.value) {
        Some(Expr::Lit(ExprLit {
            lit: Lit::Str(words),
            ..
        })) => words.value(),
        _ => String::new(),
    })
}

/// Returns an empty function of the same name, which takes the place of a wrong one.
pub(crate) fn stub(function: &ItemFn) -> TokenStream {
    let (vis, name) = (&function.vis, &function.sig.ident);
    quote_spanned! {Span::mixed_site()=>
        #[allow(dead_code)]
        #vis fn #name() {}
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn function(item: TokenStream) -> ItemFn {
        match syn::parse2(item) {
            Ok(function) => function,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn main_keeps_attributes_and_visibility_and_returns_an_exit_code() {
        let function = function(quote!(
            #[allow(x)]
            pub fn main() -> Result<(), E> {
                work()
            }
        ));
        assert_eq!(
            expand(EntryPoint::Main, &Args::default(), &function).to_string(),
            "# [allow (x)] pub fn main () -> :: gort :: __macro :: ExitCode { \
             # [allow (clippy :: unnecessary_wraps)] fn main () -> Result < () , E > { work () } \
             :: gort :: __macro :: run_main (:: gort :: __macro :: MainOptions { \
             procs : :: core :: option :: Option :: None , stack : :: core :: option :: Option :: None , own_thread_locals : false } , main) }"
        );
    }

    #[test]
    fn a_test_is_a_test_and_knows_its_name() {
        let function = function(quote!(
            #[should_panic]
            #[ignore]
            fn t() -> R {
                work()
            }
        ));
        let args = Args {
            leaks_allowed: true,
            ..Args::default()
        };
        let text = expand(EntryPoint::Test, &args, &function).to_string();
        assert!(
            text.starts_with(
                "# [:: core :: prelude :: v1 :: test] # [should_panic] # [ignore] fn t ()"
            ),
            "{text}"
        );
        assert!(
            text.contains("fn t () { # [allow (clippy :: unnecessary_wraps)] fn t () -> R {"),
            "{text}"
        );
        assert!(text.contains("leaks_allowed : true"), "{text}");
        assert!(text.contains("bubble : false"), "{text}");
        assert!(
            text.contains("explore : :: core :: option :: Option :: None"),
            "{text}"
        );
        assert!(
            text.contains("Duration :: from_nanos (60000000000u64)"),
            "{text}"
        );
        assert!(text.contains("Option :: Some (\"\")"), "{text}");
        assert!(
            text.contains("\"::\" , :: core :: stringify ! (t)"),
            "{text}"
        );
    }

    #[test]
    fn the_words_of_a_panic_that_should_come_are_found() {
        let words = |item| should_panic(&function(item));
        assert_eq!(
            words(quote!(
                #[ignore]
                fn t() {}
            )),
            None
        );
        for (item, expected) in [
            (
                quote!(
                    #[should_panic]
                    fn t() {}
                ),
                "",
            ),
            (
                quote!(
                    #[should_panic(expected = "x")]
                    fn t() {}
                ),
                "x",
            ),
            (
                quote!(
                    #[should_panic = "x"]
                    fn t() {}
                ),
                "x",
            ),
            (
                quote!(
                    #[should_panic(unexpected)]
                    fn t() {}
                ),
                "",
            ),
        ] {
            assert_eq!(words(item).as_deref(), Some(expected));
        }
    }
}
