//! Writes the expansion of `select!`.
//!
//! ```text
//! select! { x = <-rx => A, tx <- v => B }
//!
//! {
//!     enum __Chosen<T0> { Arm0(T0), Arm1 }
//!     struct __Sent(bool);                            // its drop panics if it holds true
//!     let __out;
//!     let mut __sent = __Sent(false);
//!     match &rx { __operand0 => match recv(…) { mut __arm0 => match &tx { __operand1 => {
//!         let __target1 = …;
//!         let __place1 = &raw const v;
//!         let mut __arm1 = unsafe { send_place(__target1, __place1) };
//!         if false { moved_out(v); let _ = &__arm0; let _ = &__arm1; unreachable!() }
//!         let __chosen = select([__arm0.enter(), __arm1.enter()], Wait::Block, Order::Random);
//!         match __chosen {
//!             Some(0) => { __out = __Chosen::Arm0(__arm0.take()); }
//!             Some(1) => { __arm1.finish(); __sent.0 = true; __out = __Chosen::Arm1; }
//!             _ => unreachable!(),
//!         }
//!     } } } }
//!     match __out {
//!         __Chosen::Arm0(__result) => match __result { x => A },
//!         __Chosen::Arm1 => { moved_out(v); __sent.0 = false; B }
//!     }
//! }
//! ```
//!
//! 1. The bodies are in the last match, outside any closure, loop or labelled block. So `?`,
//!    `return`, `break` and `continue` in them mean the same as around the macro. The bodies run
//!    when `__out` is complete; by then all temporaries of the operands have been dropped.
//! 2. A variable moves in the last match too, not in the branch that finds its arm chosen.
//!    Otherwise the compiler would count it as moved in every arm once the branches meet again.
//!    This opens two gaps, which are closed as follows:
//!    - *A borrow of `v` that the selection uses* (`x = <-v.rx` beside `tx <- v`). For the compiler
//!      the borrow has ended by the time of the move. But the receiver of `v` may free `v` earlier,
//!      while the selection still uses the borrow. The branch under `if false` moves `v` at the
//!      point where `v` is really sent, and uses all arms after that. So the compiler rejects such
//!      a borrow.
//!    - *A panic between the choice and the move*, from dropping an operand's temporary or a value
//!      that was not sent. It would drop `v`, which belongs to the receiver already. `__sent` turns
//!      that panic into an abort.
//! 3. If `finish` panics, `v` is still in its place. So `__sent` is set after `finish`.
//! 4. An arm with a `#[cfg]` carries it wherever it appears. The positions in the list are then
//!    counted at run time.
//! 5. `__out` is assigned; it is not the value of all these blocks. After the tail expression of a
//!    block its locals and temporaries are dropped: here all arms and all operands. If one of these
//!    destructors panics, rustc forgets the value (rust-lang/rust#47949). A variable that was
//!    assigned is dropped. The bodies are tail expressions, since otherwise `A` and `B` would not
//!    get the type that is expected around the macro. After a body only the part of `__result` is
//!    dropped that the body has not taken, as in any `match`.
//! 6. The only `unsafe` block calls `send_place`. Its obligations are met as follows:
//!    - *The variable holds a value and does not change until the select is over.* Its address is
//!      taken after all operands have been evaluated. From then on only the macro's code is
//!      evaluated, and at most the user's `Deref`s of other channels, which cannot name a local
//!      variable. rustc rejects `&raw const v` for a variable that holds no value.
//!    - *Either `take` or `finish` is called, once, and only on the chosen arm*: in the branches of
//!      the match on `__chosen`.
//!    - *The variable is forgotten, whatever happens*: see point 2.
//!
//!    A crate with `#![forbid(unsafe_code)]` accepts the block, since rustc applies that lint to
//!    the user's own code and not to tokens of another crate's macro. So the block's span must be
//!    the macro's.
//!
//! Rejected: *leaving the selection with `break` to a label per arm*. That would keep the branches
//! apart without the measures of point 2, but rustc rejects the user's plain `break` in a labelled
//! block.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::ast::{Arm, Bias, Head, Select};
use super::operand;
use crate::paths::{at, gort, local, none, single, some};

/// Writes the selection.
pub(crate) fn expand(select: &Select) -> TokenStream {
    let span = Span::mixed_site();
    if select.arms.is_empty() {
        let block_forever = gort("block_forever", Span::call_site());
        return quote_spanned!(span=> #block_forever());
    }
    let guard = select.arms.iter().any(|arm| arm.place().is_some());
    let mut inner = selection(select, guard);
    for (index, arm) in select.arms.iter().enumerate().rev() {
        inner = operand::wrap(index, arm, &inner);
    }
    let chosen_type = chosen_type(&select.arms);
    let sent_type = guard.then(sent_type);
    let sent = guard.then(|| {
        let sent = single("sent");
        quote_spanned!(span=> let mut #sent = __Sent(false);)
    });
    let wait = has_conditional_wait(&select.arms).then(|| {
        let (wait, kind) = (single("wait"), gort("Wait", Span::call_site()));
        quote_spanned!(span=> let #wait = #kind::Block;)
    });
    let out = single("out");
    // If all arms are configured away, nothing determines the type of `__out`, and it never gets a
    // value.
    let nothing_left = select.arms.iter().all(Arm::is_conditional).then(
        || quote_spanned!(span=> #[allow(unreachable_patterns)] _ => ::core::unreachable!(),),
    );
    let bodies = select
        .arms
        .iter()
        .enumerate()
        .map(|(index, arm)| body(index, arm, guard));
    quote_spanned! {span=> {
        #chosen_type
        #sent_type
        let #out;
        #sent
        #wait
        #inner
        match #out { #(#bodies)* #nothing_left }
    }}
}

/// Returns the name of an arm in `__Chosen`.
fn variant(index: usize) -> Ident {
    format_ident!("Arm{index}", span = Span::mixed_site())
}

/// Writes `enum __Chosen<T0, …> { Arm0(T0), Arm1, … }`: the chosen arm, with its result if the arm
/// has a pattern.
fn chosen_type(arms: &[Arm]) -> TokenStream {
    let parameters = arms
        .iter()
        .enumerate()
        .filter(|(_, arm)| arm.binding.is_some())
        .map(|(index, arm)| {
            let (cfgs, name) = (arm.cfgs(), parameter(index));
            quote!(#(#cfgs)* #name)
        });
    let variants = arms.iter().enumerate().map(|(index, arm)| {
        let (cfgs, name) = (arm.cfgs(), variant(index));
        let payload = arm.binding.as_ref().map(|_| {
            let parameter = parameter(index);
            quote_spanned!(Span::mixed_site()=> (#parameter))
        });
        quote!(#(#cfgs)* #name #payload)
    });
    quote_spanned!(Span::mixed_site()=> enum __Chosen<#(#parameters),*> { #(#variants),* })
}

fn parameter(index: usize) -> Ident {
    format_ident!("T{index}", span = Span::mixed_site())
}

/// Writes the guard of point 2. If it is dropped while it is armed, which only a panic can cause,
/// it panics again, and the second panic aborts.
fn sent_type() -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        struct __Sent(::core::primitive::bool);
        impl ::core::ops::Drop for __Sent {
            fn drop(&mut self) {
                if self.0 {
                    ::core::panic!("`select!` sent a variable, then the drop of an operand of another arm panicked");
                }
            }
        }
    }
}

/// Returns whether the way to wait depends on a `#[cfg]`. It is then in a variable from the start.
fn has_conditional_wait(arms: &[Arm]) -> bool {
    arms.iter()
        .any(|arm| !arm.is_operation() && arm.is_conditional())
}

/// Writes the innermost block, in which all operands have been evaluated.
fn selection(select: &Select, guard: bool) -> TokenStream {
    let span = Span::mixed_site();
    let arms = &select.arms;
    let operations: Vec<(usize, &Arm)> = arms
        .iter()
        .enumerate()
        .filter(|(_, arm)| arm.is_operation())
        .collect();
    let counted = operations.iter().any(|(_, arm)| arm.is_conditional());

    let places = operations
        .iter()
        .filter_map(|(index, arm)| operand::place_let(*index, arm));
    let moves = operations
        .iter()
        .filter_map(|(_, arm)| check_move(arm, &operations));
    let positions = counted.then(|| positions(&operations));
    let list = operations.iter().map(|(index, arm)| {
        let (cfgs, name) = (arm.cfgs(), local("arm", *index));
        quote_spanned!(span=> #(#cfgs)* #name.enter())
    });
    let results = operations
        .iter()
        .enumerate()
        .map(|(position, (index, arm))| {
            let position = if counted {
                let (some, found, expected) =
                    (some(), single("position"), local("position", *index));
                quote_spanned!(span=> #some(#found) if #found == #expected)
            } else {
                let some = some();
                quote_spanned!(span=> #some(#position))
            };
            let (cfgs, result) = (arm.cfgs(), result(*index, arm, guard));
            quote_spanned!(span=> #(#cfgs)* #position => #result)
        });
    let out = single("out");
    let defaults = arms
        .iter()
        .enumerate()
        .filter(|(_, arm)| !arm.is_operation())
        .map(|(index, arm)| {
            let (cfgs, name, none) = (arm.cfgs(), variant(index), none());
            quote_spanned!(span=> #(#cfgs)* #none => #out = __Chosen::#name,)
        });

    let (function, order) = (
        gort("select", Span::call_site()),
        gort("Order", Span::call_site()),
    );
    let order = match select.bias {
        Bias::Random => quote_spanned!(span=> #order::Random),
        Bias::Biased => quote_spanned!(span=> #order::Biased),
    };
    let wait = wait(arms);
    let chosen = single("chosen");
    quote_spanned! {span=> {
        #(#places)*
        #(#moves)*
        #positions
        let #chosen = #function([#(#list),*], #wait, #order);
        match #chosen {
            #(#results)*
            #(#defaults)*
            _ => ::core::unreachable!(),
        }
    }}
}

/// Writes the branch that never runs. It makes rustc reject a borrow of the variable that the
/// selection uses.
fn check_move(arm: &Arm, operations: &[(usize, &Arm)]) -> Option<TokenStream> {
    let variable = arm.place()?;
    let span = Span::mixed_site();
    let moved_out = gort("moved_out", variable.span());
    let cfgs = arm.cfgs();
    let uses = operations.iter().map(|(index, arm)| {
        let (cfgs, name) = (arm.cfgs(), local("arm", *index));
        quote_spanned!(span=> #(#cfgs)* let _ = &#name;)
    });
    Some(quote_spanned! {span=>
        #(#cfgs)*
        if false {
            #moved_out(#variable);
            #(#uses)*
            ::core::unreachable!();
        }
    })
}

/// Writes `let __position3 = …;` for each arm: its position in the list, if some arms may be
/// configured away.
fn positions(operations: &[(usize, &Arm)]) -> TokenStream {
    let span = Span::mixed_site();
    let next = single("next");
    let lets = operations.iter().map(|(index, arm)| {
        let (cfgs, position) = (arm.cfgs(), local("position", *index));
        quote_spanned!(span=> #(#cfgs)* let (#position, #next) = (#next, #next + 1);)
    });
    quote_spanned!(span=> let #next = 0usize; #(#lets)*)
}

/// Writes the branch that takes a chosen arm's result inside the selection.
fn result(index: usize, arm: &Arm, guard: bool) -> TokenStream {
    let span = Span::mixed_site();
    let (name, variant, out) = (local("arm", index), variant(index), single("out"));
    let armed = (guard && arm.place().is_some()).then(|| {
        let sent = single("sent");
        quote_spanned!(span=> #sent.0 = true;)
    });
    if let Some(value) = arm.late_value() {
        // crossbeam's form always has a pattern.
        let result = single("result");
        return quote_spanned!(span=> { let #result = #name.complete(#value); #out = __Chosen::#variant(#result); });
    }
    match (&arm.head, &arm.binding) {
        (_, Some(_)) => {
            quote_spanned!(span=> { #out = __Chosen::#variant(#name.take()); #armed })
        }
        (Head::Send { .. }, None) => {
            quote_spanned!(span=> { #name.finish(); #armed #out = __Chosen::#variant; })
        }
        (_, None) => quote_spanned!(span=> { let _ = #name.take(); #out = __Chosen::#variant; }),
    }
}

/// Writes the way to wait if no arm is ready.
fn wait(arms: &[Arm]) -> TokenStream {
    let span = Span::mixed_site();
    let kind = gort("Wait", Span::call_site());
    let wait = single("wait");
    match arms.iter().find(|arm| !arm.is_operation()) {
        None => quote_spanned!(span=> #kind::Block),
        Some(arm) if arm.is_conditional() => quote!(#wait),
        Some(Arm {
            head: Head::After { .. },
            ..
        }) => quote!(#wait),
        Some(_) => quote_spanned!(span=> #kind::Default),
    }
}

/// Writes one arm of the last match.
fn body(index: usize, arm: &Arm, guard: bool) -> TokenStream {
    let span = Span::mixed_site();
    let (attrs, variant, body) = (&arm.attrs, variant(index), &arm.body);
    let moved = arm.place().map(|variable| {
        let moved_out = gort("moved_out", variable.span());
        let disarmed = guard.then(|| {
            let sent = single("sent");
            quote_spanned!(span=> #sent.0 = false;)
        });
        quote_spanned!(span=> #moved_out(#variable); #disarmed)
    });
    let Some(pattern) = &arm.binding else {
        let tokens = match moved {
            Some(moved) => quote_spanned!(span=> { #moved #body }),
            None => quote!(#body),
        };
        return quote_spanned!(span=> #(#attrs)* __Chosen::#variant => #tokens,);
    };
    let name = single("result");
    let shown = Ident::new(&name.to_string(), at(pattern.span()));
    let otherwise = arm.otherwise.as_ref().map(|otherwise| {
        let block = &otherwise.block;
        quote_spanned!(span=> #[allow(unreachable_patterns)] _ => #block)
    });
    let inner = quote_spanned!(span=> match #shown { #pattern => #body, #otherwise });
    let tokens = match moved {
        Some(moved) => quote_spanned!(span=> { #moved #inner }),
        None => inner,
    };
    quote_spanned!(span=> #(#attrs)* __Chosen::#variant(#name) => #tokens,)
}

#[cfg(test)]
mod tests {
    use super::super::select;
    use super::*;

    fn text(input: TokenStream) -> String {
        let text = select(input, Bias::Random).to_string();
        assert!(!text.contains("compile_error"), "{text}");
        text
    }

    #[test]
    fn a_select_without_arms_blocks_for_ever() {
        assert_eq!(text(quote!()), ":: gort :: __macro :: block_forever ()");
    }

    #[test]
    fn the_bias_is_handed_on() {
        assert!(text(quote!(<-rx => {})).contains("Order :: Random"));
        assert!(text(quote!(biased; <-rx => {})).contains("Order :: Biased"));
        assert!(
            select(quote!(<-rx => {}), Bias::Biased)
                .to_string()
                .contains("Order :: Biased")
        );
    }

    #[test]
    fn how_to_wait_is_handed_on() {
        assert!(text(quote!(<-rx => {})).contains("Wait :: Block"));
        assert!(text(quote!(<-rx => {} default => {})).contains("Wait :: Default"));
        let text = text(quote!(<-rx => {} after(d) => {}));
        assert!(
            text.contains("match :: gort :: __macro :: Wait :: Timeout (d) { __wait =>"),
            "{text}"
        );
    }

    #[test]
    fn a_variable_is_sent_from_its_place_and_moves_in_the_last_match() {
        let text = text(quote!(tx <- v => body()));
        assert!(text.contains("& raw const v"), "{text}");
        assert!(
            text.contains("__Chosen :: Arm0 => { :: gort :: __macro :: moved_out (v) ; __sent . 0 = false ; body () }"),
            "{text}"
        );
    }

    #[test]
    fn a_value_is_not() {
        for input in [
            quote!(tx <- f(v) => {}),
            quote!(tx <- (v) => {}),
            quote!(tx <- V => {}),
        ] {
            let text = text(input);
            assert!(
                text.contains("__macro :: send (") && !text.contains("moved_out"),
                "{text}"
            );
        }
    }

    #[test]
    fn crossbeams_send_evaluates_its_value_when_it_is_chosen() {
        let text = text(quote!(send(tx, f()) -> r => {} send(tx, v) -> _ => {}));
        assert!(text.contains("__arm0 . complete (f ())"), "{text}");
        assert!(text.contains("& raw const v"), "{text}");
    }

    #[test]
    fn the_guard_against_panics_is_there_where_a_variable_is_sent() {
        let text = text(quote!(tx <- v => {} <-rx => {}));
        assert!(text.contains("let mut __sent = __Sent (false) ;"), "{text}");
        assert!(
            text.contains(
                "{ __arm0 . finish () ; __sent . 0 = true ; __out = __Chosen :: Arm0 ; }"
            ),
            "{text}"
        );
        assert!(
            text.contains("moved_out (v) ; __sent . 0 = false ;"),
            "{text}"
        );
        assert!(
            !select(quote!(tx <- f() => {} <-rx() => {}), Bias::Random)
                .to_string()
                .contains("__Sent")
        );
    }

    #[test]
    fn the_result_is_assigned_and_not_the_value_of_a_block() {
        let text = text(quote!(r = <-rx() => {} tx() <- f(), if g => {}));
        assert!(
            text.contains("=> { __out = __Chosen :: Arm0 (__arm0 . take ()) ; }"),
            "{text}"
        );
        assert!(text.contains("let __out ; match & rx () {"), "{text}");
    }

    #[test]
    fn cfg_follows_everything_that_belongs_to_its_arm() {
        let text = text(quote!(#[cfg(a)] v = <-rx => {} #[cfg(b)] default => {} <-rx => {}));
        let count = |cfg: &str| text.matches(cfg).count();
        assert_eq!(
            count("# [cfg (a)]"),
            8,
            "type parameter, variant, 2 lets, position, list, result, body: {text}"
        );
        assert_eq!(
            count("# [cfg (b)]"),
            4,
            "variant, let, result, body: {text}"
        );
    }

    #[test]
    fn an_attribute_that_is_no_cfg_stays_at_the_body() {
        assert_eq!(
            text(quote!(#[allow(a)] <-rx => {}))
                .matches("# [allow (a)]")
                .count(),
            1
        );
    }

    #[test]
    fn nothing_of_the_users_is_in_an_unsafe_block() {
        let values =
            text(quote!(tx <- f(v) => {} <-rx() => {} send(tx, f()) -> _ => {} default => {}));
        assert!(!values.contains("unsafe"), "{values}");
        let text = text(quote!(tx() <- v => {} tx() <- w, if g() => {}));
        assert!(
            text.contains("unsafe { :: gort :: __macro :: send_place (__target0 , __place0) }"),
            "{text}"
        );
        assert!(
            text.contains("unsafe { :: gort :: __macro :: send_place_if (__target1) }"),
            "{text}"
        );
        assert_eq!(text.matches("unsafe").count(), 2);
    }
}
