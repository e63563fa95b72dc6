//! What `#[gort::main]` and `#[gort::test]` become.
//!
//! ```text
//! #[gort::test(procs = 2)]
//! #[should_panic]
//! fn t() -> R { BODY }
//!
//! #[::core::prelude::v1::test]
//! #[should_panic]
//! fn t() {
//!     fn __gort_body() -> R { BODY }
//!     ::gort::__macro::run_test(::gort::__macro::TestOptions { procs: Some(2), … }, __gort_body)
//! }
//! ```
//!
//! The body is a function of its own, not a closure: so it can capture nothing, and its name is in backtraces. Attributes
//! and visibility stay on the outer function, whose lint levels hold inside as well. clippy does not ask of a `main` or
//! a test whether it needs its `Result`, so the body is spared that question too.
//!
//! What `main` returns becomes an `ExitCode` in its goroutine, so it need not be `Send` (`Box<dyn Error>` is not). A test
//! returns nothing: `run_test` turns a `Result` that is an error into a panic, because it may have run the test in
//! another process and then has no value to give.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Expr, ItemFn, ReturnType};

use super::Entry;
use super::args::Args;
use crate::paths::{at, gort, none, some};

/// Writes the wrapper.
pub(crate) fn expand(entry: Entry, args: &Args, function: &ItemFn) -> TokenStream {
    let span = Span::mixed_site();
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
        ..
    } = function;
    let (name, output) = (&sig.ident, &sig.output);
    // Where an unfit result is shown.
    let place = match output {
        ReturnType::Default => Span::call_site(),
        ReturnType::Type(_, result) => result.span(),
    };
    let (procs, stack) = (optional(args.procs.as_ref()), optional(args.stack.as_ref()));
    let body = Ident::new("__gort_body", at(place));
    let test = (entry == Entry::Test).then(|| quote_spanned!(span=> #[::core::prelude::v1::test]));
    let run = match entry {
        Entry::Main => {
            let (run, options) = (
                gort("run_main", place),
                gort("MainOptions", Span::call_site()),
            );
            quote_spanned!(span=> #run(#options { procs: #procs, stack: #stack }, #body))
        }
        Entry::Test => {
            let (run, options) = (
                gort("run_test", place),
                gort("TestOptions", Span::call_site()),
            );
            let leaks_allowed = args.leaks_allowed;
            quote_spanned! {span=>
                #run(
                    #options {
                        procs: #procs,
                        stack: #stack,
                        leaks_allowed: #leaks_allowed,
                        name: ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
                    },
                    #body,
                )
            }
        }
    };
    let returned = (entry == Entry::Main).then(|| {
        let exit_code = gort("ExitCode", Span::call_site());
        quote_spanned!(span=> -> #exit_code)
    });
    quote_spanned! {span=>
        #test
        #(#attrs)*
        #vis fn #name() #returned {
            #[allow(clippy::unnecessary_wraps)]
            fn __gort_body() #output #block
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

/// A function of the same name that compiles, for after an error.
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
            expand(Entry::Main, &Args::default(), &function).to_string(),
            "# [allow (x)] pub fn main () -> :: gort :: __macro :: ExitCode { \
             # [allow (clippy :: unnecessary_wraps)] fn __gort_body () -> Result < () , E > { work () } \
             :: gort :: __macro :: run_main (:: gort :: __macro :: MainOptions { \
             procs : :: core :: option :: Option :: None , stack : :: core :: option :: Option :: None } , __gort_body) }"
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
        let text = expand(Entry::Test, &args, &function).to_string();
        assert!(
            text.starts_with(
                "# [:: core :: prelude :: v1 :: test] # [should_panic] # [ignore] fn t ()"
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "fn t () { # [allow (clippy :: unnecessary_wraps)] fn __gort_body () -> R {"
            ),
            "{text}"
        );
        assert!(text.contains("leaks_allowed : true"), "{text}");
        assert!(
            text.contains("\"::\" , :: core :: stringify ! (t)"),
            "{text}"
        );
    }
}
