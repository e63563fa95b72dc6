//! Writes the code around the operands of one arm.
//!
//! Each arm wraps the arms after it, so the operands of the first arm are outermost and are
//! evaluated first. There are two forms:
//!
//! 1. **match**:
//!    `match &rx { __operand0 => match ::gort::__macro::recv(…) { mut __arm0 => INNER } }`.
//!    Temporaries in the scrutinee live until INNER is done. INNER is exactly the selection, so
//!    they are dropped before the chosen body runs.
//! 2. **let**, for an arm with a guard or a `#[cfg]`:
//!    `let __operand0 = if guard { Some(&rx) } else { None };`. A branch of a match would drop its
//!    temporaries too early, and INNER cannot be written twice. A `let` can carry the attribute,
//!    and extends the life of temporaries that are borrowed directly in it.
//!
//! The channel itself is found with method syntax ([`channel`]), which looks through any number of
//! references and `Deref`s, as crossbeam's macro does with its coercion. Method syntax has a second
//! advantage: if there is no channel, the failed method call is the only error, while a failed
//! bound of a function would be repeated wherever the arm is used. The method is called on the
//! result of `operand_of_select`, without the reference around it. rustc shows the text of
//! `#[diagnostic::on_unimplemented]` only if the failed bound is one on the receiver's own type,
//! and if that type has no lifetime in it.
//!
//! If an arm sends from a variable, the variable's address is taken only in the innermost block
//! ([`place_let`]), because an operand of a later arm may assign to the variable.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use super::ast::{Arm, Head, unwrapped};
use crate::paths::{at, gort, local, none, single, some};

/// Wraps `inner` in the operands of `arm`.
pub(crate) fn wrap(index: usize, arm: &Arm, inner: &TokenStream) -> TokenStream {
    if arm.guard.is_some() || arm.is_conditional() {
        with_let(index, arm, inner)
    } else {
        with_match(index, arm, inner)
    }
}

fn with_match(index: usize, arm: &Arm, inner: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let operand = local("operand", index);
    match &arm.head {
        Head::Recv { source } => {
            let (borrow, made) = (borrow(source), recv(index, arm, source));
            let name = local("arm", index);
            quote_spanned!(span=> match #borrow { #operand => match #made { mut #name => #inner } })
        }
        Head::Send { target, .. } if arm.place().is_some() => {
            let borrow = borrow(target);
            quote_spanned!(span=> match #borrow { #operand => #inner })
        }
        Head::Send { target, value, .. } => {
            let borrow = borrow(target);
            let made = if arm.late_value().is_some() {
                send_late(index, arm, target)
            } else {
                send(index, target, value)
            };
            let name = local("arm", index);
            quote_spanned!(span=> match #borrow { #operand => match #made { mut #name => #inner } })
        }
        Head::After { duration, .. } => {
            let (wait, timeout) = (single("wait"), timeout(duration));
            quote_spanned!(span=> match #timeout { #wait => #inner })
        }
        Head::Default { .. } => inner.clone(),
    }
}

fn with_let(index: usize, arm: &Arm, inner: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let (operand, name) = (local("operand", index), local("arm", index));
    let lets = match &arm.head {
        Head::Recv { source } => {
            let (first, made) = (guarded(arm, &borrow(source)), recv(index, arm, source));
            quote_spanned!(span=> let #operand = #first; let mut #name = #made;)
        }
        Head::Send { target, .. } if arm.place().is_some() => {
            let first = guarded(arm, &borrow(target));
            quote_spanned!(span=> let #operand = #first;)
        }
        Head::Send { target, .. } if arm.late_value().is_some() => {
            let (first, made) = (guarded(arm, &borrow(target)), send_late(index, arm, target));
            quote_spanned!(span=> let #operand = #first; let mut #name = #made;)
        }
        Head::Send { target, value, .. } => {
            let borrow = borrow(target);
            if arm.guard.is_some() {
                let value = unwrapped(value);
                let first = guarded(arm, &quote_spanned!(span=> (#borrow, #value)));
                let made = send_if(index, target);
                quote_spanned!(span=> let #operand = #first; let mut #name = #made;)
            } else {
                let made = send(index, target, value);
                quote_spanned!(span=> let #operand = #borrow; let mut #name = #made;)
            }
        }
        Head::After { duration, .. } => {
            let (wait, timeout) = (single("wait"), timeout(duration));
            quote_spanned!(span=> let #wait = #timeout;)
        }
        Head::Default { keyword } => {
            let (wait, kind) = (single("wait"), gort("Wait", keyword.span()));
            quote_spanned!(span=> let #wait = #kind::Default;)
        }
    };
    let lets = with_cfgs(arm, &lets);
    // With a `;`: the temporaries of a tail expression would outlive the `let`s.
    quote_spanned!(span=> { #lets #inner; })
}

/// Adds the arm's `#[cfg]`s to each of the `lets`.
fn with_cfgs(arm: &Arm, lets: &TokenStream) -> TokenStream {
    let cfgs: Vec<_> = arm.cfgs().collect();
    let mut out = TokenStream::new();
    let mut starts = true;
    for tree in lets.clone() {
        if starts {
            out.extend(quote!(#(#cfgs)*));
        }
        starts = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == ';');
        out.extend([tree]);
    }
    out
}

/// Creates the arm that receives from `__operand`.
fn recv(index: usize, arm: &Arm, source: &Expr) -> TokenStream {
    let operand = local("operand", index);
    let channel = channel("AsSource", "receive_in_select", &operand, source);
    if arm.guard.is_none() {
        let recv = gort("recv", source.span());
        return quote_spanned!(Span::mixed_site()=> #recv(#channel));
    }
    let (some, none, recv_if) = (some(), none(), gort("recv_if", source.span()));
    quote_spanned! {Span::mixed_site()=>
        #recv_if(match #operand { #some(#operand) => #some(#channel), #none => #none })
    }
}

/// Creates the arm that sends a value to `__operand`.
fn send(index: usize, target: &Expr, value: &Expr) -> TokenStream {
    let (channel, value) = (target_channel(index, target), unwrapped(value));
    let send = gort("send", target.span());
    quote_spanned!(Span::mixed_site()=> #send(#channel, #value))
}

/// Creates the arm that sends to `__operand` a value that is evaluated only if the arm is chosen.
fn send_late(index: usize, arm: &Arm, target: &Expr) -> TokenStream {
    let (operand, channel) = (local("operand", index), target_channel(index, target));
    if arm.guard.is_none() {
        let send_late = gort("send_late", target.span());
        return quote_spanned!(Span::mixed_site()=> #send_late(#channel));
    }
    let (some, none, send_late) = (some(), none(), gort("send_late_if", target.span()));
    quote_spanned! {Span::mixed_site()=>
        #send_late(match #operand { #some(#operand) => #some(#channel), #none => #none })
    }
}

/// Creates the arm that sends a value under a guard; `__operand` holds the channel and the value.
fn send_if(index: usize, target: &Expr) -> TokenStream {
    let (operand, value) = (local("operand", index), local("value", index));
    let channel = target_channel(index, target);
    let (some, none, send_if) = (some(), none(), gort("send_if", target.span()));
    quote_spanned! {Span::mixed_site()=>
        #send_if(match #operand { #some((#operand, #value)) => #some((#channel, #value)), #none => #none })
    }
}

/// Writes `let mut __arm = unsafe { send_place(…) };` for an arm that sends from a variable.
///
/// Point 6 of `expand.rs` says why that is sound. The `unsafe` block contains no user code, and no
/// method call that a user's type could provide.
pub(crate) fn place_let(index: usize, arm: &Arm) -> Option<TokenStream> {
    let Head::Send { target, .. } = &arm.head else {
        return None;
    };
    let variable = arm.place()?;
    let span = Span::mixed_site();
    let (name, operand) = (local("arm", index), local("operand", index));
    let pointer = quote_spanned!(at(variable.span())=> &raw const #variable);
    let channel = target_channel(index, target);
    let (mut place, mut to) = (local("place", index), local("target", index));
    place.set_span(at(variable.span()));
    to.set_span(at(target.span()));
    let lets = if arm.guard.is_none() {
        let send = gort("send_place", target.span());
        quote_spanned! {span=>
            let #to = #channel;
            let #place = #pointer;
            let mut #name = unsafe { #send(#to, #place) };
        }
    } else {
        let (some, none, send) = (some(), none(), gort("send_place_if", target.span()));
        quote_spanned! {span=>
            let #to = match #operand { #some(#operand) => #some((#channel, #pointer)), #none => #none };
            let mut #name = unsafe { #send(#to) };
        }
    };
    Some(with_cfgs(arm, &lets))
}

/// Returns `&operand`, located at the operand.
fn borrow(operand: &Expr) -> TokenStream {
    let operand = unwrapped(operand);
    let span = at(operand.span());
    match operand {
        Expr::Path(_)
        | Expr::Field(_)
        | Expr::Index(_)
        | Expr::Call(_)
        | Expr::MethodCall(_)
        | Expr::Macro(_)
        | Expr::Reference(_) => quote_spanned!(span=> &#operand),
        _ => quote_spanned!(span=> &(#operand)),
    }
}

/// Returns `operand`, in an `Option` if the arm has a guard.
fn guarded(arm: &Arm, operand: &TokenStream) -> TokenStream {
    let Some(guard) = &arm.guard else {
        return operand.clone();
    };
    let (condition, some, none) = (&guard.condition, some(), none());
    quote_spanned!(Span::mixed_site()=> if #condition { #some(#operand) } else { #none })
}

fn timeout(duration: &Expr) -> TokenStream {
    let (wait, span) = (gort("Wait", duration.span()), at(duration.span()));
    let duration = unwrapped(duration);
    quote_spanned!(span=> #wait::Timeout(#duration))
}

fn target_channel(index: usize, target: &Expr) -> TokenStream {
    channel(
        "AsTarget",
        "send_in_select",
        &local("operand", index),
        target,
    )
}

/// Returns the channel behind `operand`, which the user wrote as `expr`.
fn channel(of: &str, method: &str, operand: &Ident, expr: &Expr) -> TokenStream {
    let place = expr.span();
    let (of, any) = (gort(of, place), gort("Operand", place));
    let method = Ident::new(method, at(place));
    quote_spanned! {at(place)=>
        { use #of as _; use #any as _; (*(*#operand).operand_of_select()).#method() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::parsed;
    use super::*;

    fn wrapped(input: TokenStream) -> String {
        let select = parsed(input);
        wrap(3, &select.arms[0], &quote!(INNER)).to_string()
    }

    #[test]
    fn an_operand_is_a_scrutinee() {
        let text = wrapped(quote!(v = <-f(&make()) => {}));
        assert!(
            text.starts_with("match & f (& make ()) { __operand3 => match"),
            "{text}"
        );
        assert!(text.ends_with("{ mut __arm3 => INNER } }"), "{text}");
    }

    #[test]
    fn a_value_is_evaluated_after_its_channel() {
        let text = wrapped(quote!(tx() <- (f(x)) => {}));
        assert!(
            text.starts_with("match & tx () { __operand3 => match :: gort :: __macro :: send ({"),
            "{text}"
        );
        assert!(
            text.contains("} , f (x)) { mut __arm3 => INNER }"),
            "{text}"
        );
    }

    #[test]
    fn a_guard_comes_before_channel_and_value() {
        let text = wrapped(quote!(tx <- f(x), if g => {}));
        assert!(
            text.contains(
                "let __operand3 = if g { :: core :: option :: Option :: Some ((& tx , f (x))) }"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_let_under_cfg_carries_it() {
        let text = wrapped(quote!(#[cfg(a)] <-rx => {}));
        assert!(
            text.contains("# [cfg (a)] let __operand3 = & rx ; # [cfg (a)] let mut __arm3 ="),
            "{text}"
        );
    }

    #[test]
    fn a_place_under_a_guard_is_taken_only_with_its_channel() {
        let select = parsed(quote!(tx <- v, if g => {}));
        let text = place_let(0, &select.arms[0])
            .map(|tokens| tokens.to_string())
            .unwrap_or_default();
        assert!(
            text.contains("match __operand0 { :: core :: option :: Option :: Some (__operand0)"),
            "{text}"
        );
        assert!(text.contains("} , & raw const v)"), "{text}");
        assert!(
            text.ends_with("unsafe { :: gort :: __macro :: send_place_if (__target0) } ;"),
            "{text}"
        );
    }
}
