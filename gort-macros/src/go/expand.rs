//! Writes the expansion of `go!`.
//!
//! ```text
//! go!(name = n, clone [tx]; f(a, |x| x + 1))
//!
//! {
//!     let __builder = ::gort::__macro::Spawn::new().name(n);
//!     let __body;
//!     {
//!         let tx = { use ::core::clone::Clone as _; tx.clone() };
//!         let __arg0 = a;
//!         __body = move || f(__arg0, |x| x + 1);
//!     }
//!     ::gort::__macro::Spawn::start(__builder, __body)
//! }
//! ```
//!
//! 1. A callee that is a path needs no `let`. If the path names a function, there is nothing to
//!    evaluate early. If it names a variable, the closure moves the variable. So generic functions
//!    and tuple constructors still infer their types from the arguments.
//! 2. An argument that is a closure stays in the call. Creating the closure has no observable
//!    effect, and rustc knows the types of its parameters only there. Its captured variables are
//!    moved at the same moment.
//! 3. `clone` uses method syntax, so that cloning a `&Arc<T>` gives an `Arc<T>`.
//! 4. Tokens that may appear in an error of rustc (`… cannot be sent between threads safely`) are
//!    located at the body, and those around an argument at the argument.
//! 5. The block and the spawn in it are located at the macro call, but count as user code. Only in
//!    user code does rustc say that a `;` is missing behind `go! { … }`.
//! 6. The closure may capture only a part of a clone, or nothing of it. The rest is dropped before
//!    the spawn. If it were dropped after the spawn and its destructor panicked, rustc would forget
//!    the handle (rust-lang/rust#47949). Without `clone` the closure is written into the call: the
//!    only locals are then `__arg0` and the like, and the closure captures each of them as a whole.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use super::parse::span_of;
use super::valid::{Arguments, Body, Checked};
use crate::paths;

/// Writes the spawn.
pub(crate) fn expand(go: &Checked) -> TokenStream {
    let span = Span::mixed_site();
    let place = span_of(&go.tokens);
    let written = as_written(place);
    let (mut lets, mut closure) = closure(&go.body, &go.tokens, place);
    if !go.clones.is_empty() {
        (lets, closure) = with_clones(&go.clones, &lets, &closure, place);
    }
    if go.settings.is_empty() && go.scope.is_none() {
        let spawn = paths::gort_as("spawn", written);
        let call = quote_spanned!(written=> #spawn(#closure));
        if lets.is_empty() {
            return call;
        }
        return block(quote_spanned!(span=> #lets #call), written);
    }
    let settings = go.settings.iter().map(|(key, value)| {
        let method = Ident::new(&key.to_string(), paths::at(key.span()));
        quote_spanned!(span=> .#method(#value))
    });
    let builder = paths::single("builder");
    let new = paths::gort("Spawn", Span::call_site());
    let spawn = paths::gort_as("Spawn", written);
    let start = match &go.scope {
        None => quote_spanned!(written=> #spawn::start(#builder, #closure)),
        Some(scope) => quote_spanned!(written=> #spawn::start_in(#builder, #scope, #closure)),
    };
    let steps = quote_spanned! {span=>
        let #builder = #new::new() #(#settings)*;
        #lets
        #start
    };
    block(steps, written)
}

/// Adds the clones to `lets` and `closure`. What the closure does not capture of them is dropped
/// before the spawn (point 6).
fn with_clones(
    clones: &[Ident],
    lets: &TokenStream,
    closure: &TokenStream,
    place: Span,
) -> (TokenStream, TokenStream) {
    let clones = clones.iter().map(|name| {
        let span = paths::at(name.span());
        quote_spanned!(span=> let #name = { use ::core::clone::Clone as _; #name.clone() };)
    });
    let mut body = paths::single("body");
    body.set_span(paths::at(place));
    let lets =
        quote_spanned!(Span::mixed_site()=> let #body; { #(#clones)* #lets #body = #closure; });
    (lets, quote!(#body))
}

/// Returns `{ steps }`, with braces whose span is `written`.
fn block(steps: TokenStream, written: Span) -> TokenStream {
    let mut block = Group::new(Delimiter::Brace, steps);
    block.set_span(written);
    TokenTree::Group(block).into()
}

/// Returns the span of the whole macro call, with the hygiene of user code (point 5).
fn as_written(place: Span) -> Span {
    place.located_at(Span::call_site())
}

/// Returns the `let`s that are evaluated at the call site, and the closure that the goroutine runs.
fn closure(body: &Body, tokens: &TokenStream, place: Span) -> (TokenStream, TokenStream) {
    let at = paths::at(place);
    match body {
        Body::Call(call) => {
            let (callee_let, callee) = callee(&call.func);
            let (lets, args) = arguments(&call.args);
            (
                quote!(#callee_let #lets),
                quote_spanned!(at=> move || #callee(#(#args),*)),
            )
        }
        Body::Method(call) => {
            let receiver = paths::single("receiver");
            let (value, method, turbofish) = (&call.receiver, &call.method, &call.turbofish);
            let (lets, args) = arguments(&call.args);
            let lets = quote_spanned! {Span::mixed_site()=>
                #[allow(unused_mut)]
                let mut #receiver = #value;
                #lets
            };
            (
                lets,
                quote_spanned!(at=> move || #receiver.#method #turbofish(#(#args),*)),
            )
        }
        Body::Closure(closure) => (TokenStream::new(), quote!(#closure)),
        Body::Block(block) => (TokenStream::new(), quote_spanned!(at=> move || #block)),
        Body::Statements => (TokenStream::new(), quote_spanned!(at=> move || { #tokens })),
        Body::Unread => {
            // rustc reports at this span that something is missing before the `}`.
            let last = tokens.clone().into_iter().last();
            let end = last.map_or(at, |last| paths::at(last.span()));
            let body = block(tokens.clone(), end);
            (TokenStream::new(), quote_spanned!(at=> move || #body))
        }
    }
}

fn callee(func: &Expr) -> (TokenStream, TokenStream) {
    match func {
        Expr::Path(path) => (TokenStream::new(), quote!(#path)),
        Expr::Group(group) => callee(&group.expr),
        Expr::Paren(paren) => callee(&paren.expr),
        other => {
            let name = paths::single("callee");
            (
                quote_spanned!(Span::mixed_site()=> #[allow(unused_mut)] let mut #name = #other;),
                quote!(#name),
            )
        }
    }
}

fn arguments(args: &Arguments) -> (TokenStream, Vec<TokenStream>) {
    let mut lets = TokenStream::new();
    let mut names = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        if let Expr::Closure(_) = arg {
            names.push(quote!(#arg));
            continue;
        }
        let mut name = paths::local("arg", index);
        name.set_span(paths::at(arg.span()));
        lets.extend(quote_spanned!(Span::mixed_site()=> let #name = #arg;));
        names.push(quote!(#name));
    }
    (lets, names)
}

#[cfg(test)]
mod tests {
    use super::super::{Delimiter as Brackets, go};
    use super::*;

    fn text(input: TokenStream) -> String {
        go(input, Brackets::Unknown).to_string()
    }

    #[test]
    fn arguments_are_evaluated_before_the_spawn_and_in_order() {
        assert_eq!(
            text(quote!(f(a(), b()))),
            "{ let __arg0 = a () ; let __arg1 = b () ; \
             :: gort :: __macro :: spawn (move || f (__arg0 , __arg1)) }"
        );
    }

    #[test]
    fn a_callee_that_is_computed_is_computed_first() {
        let text = text(quote!((pick())(a)));
        assert!(
            text.contains("let mut __callee = pick () ; let __arg0 = a ;"),
            "{text}"
        );
    }

    #[test]
    fn a_closure_stays_an_argument() {
        assert!(text(quote!(f(a, |x| x + 1))).contains("move || f (__arg0 , | x | x + 1)"));
    }

    #[test]
    fn the_receiver_is_moved_first() {
        let text = text(quote!(conn.serve::<T>(db)));
        assert!(
            text.contains("let mut __receiver = conn ; let __arg0 = db ;"),
            "{text}"
        );
        assert!(
            text.contains("move || __receiver . serve :: < T > (__arg0)"),
            "{text}"
        );
    }

    #[test]
    fn options_go_through_the_builder() {
        let text = text(quote!(stack = 1, name = "n", clone [x], in s; f(x)));
        assert!(
            text.contains(":: gort :: __macro :: Spawn :: new () . stack (1) . name (\"n\") ;"),
            "{text}"
        );
        assert!(
            text.contains("let x = { use :: core :: clone :: Clone as _ ; x . clone () } ;"),
            "{text}"
        );
        assert!(
            text.contains("__body = move || f (__arg0) ; } :: gort"),
            "{text}"
        );
        assert!(
            text.contains("Spawn :: start_in (__builder , s , __body)"),
            "{text}"
        );
    }

    #[test]
    fn what_is_left_of_a_clone_is_dropped_before_the_spawn() {
        assert_eq!(
            text(quote!(clone [x]; move || x.part)),
            "{ let __body ; { let x = { use :: core :: clone :: Clone as _ ; x . clone () } ; \
             __body = move | | x . part ; } :: gort :: __macro :: spawn (__body) }"
        );
        assert!(!text(quote!(f(a))).contains("__body"));
    }

    #[test]
    fn no_expansion_has_unsafe_in_it() {
        for input in [
            quote!(f(a)),
            quote!(x.f(a)),
            quote!(move || f()),
            quote!(name = "x"; f();),
        ] {
            assert!(!text(input).contains("unsafe"));
        }
    }
}
