//! Decides whether `#[cfg(…)]` keeps an item: yes, no, or perhaps.
//!
//! `test` and `gort_threads` are never set. `loom` is set or not, as the caller says. Every other
//! condition (a processor, a system, `debug_assertions`) may hold or not, so items that depend on
//! it are kept.

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Field, ImplItem, Item, Lit, Local, Meta, Stmt, Token, TraitItem};

/// The program that is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Built {
    /// The program that users compile.
    ForUsers,
    /// The program that the models are compiled with.
    ForLoom,
}

/// Returns whether an item with `attrs` may be part of the program.
pub(crate) fn kept(attrs: &[Attribute], built: Built) -> bool {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg"))
        .filter_map(|attr| attr.parse_args::<Meta>().ok())
        .all(|condition| holds(&condition, built) != Some(false))
}

/// Returns whether an item with `attrs` is in neither program, so that it is a test.
pub(crate) fn only_for_tests(attrs: &[Attribute]) -> bool {
    !kept(attrs, Built::ForUsers) && !kept(attrs, Built::ForLoom)
}

/// Returns whether `condition` holds, or `None` if it may or may not hold.
fn holds(condition: &Meta, built: Built) -> Option<bool> {
    let word = condition.path().get_ident()?.to_string();
    let parts = match condition {
        Meta::List(list) => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .ok()?,
        _ => Punctuated::new(),
    };
    let answers: Vec<_> = parts.iter().map(|part| holds(part, built)).collect();
    match word.as_str() {
        "test" | "gort_threads" => Some(false),
        "loom" => Some(built == Built::ForLoom),
        "not" => answers.first()?.map(|answer| !answer),
        "all" => decided(&answers, false),
        "any" => decided(&answers, true),
        _ => None,
    }
}

/// Returns `strong` if one of the answers is `strong`, and the opposite if all answers are the
/// opposite.
fn decided(answers: &[Option<bool>], strong: bool) -> Option<bool> {
    if answers.contains(&Some(strong)) {
        Some(strong)
    } else if answers.contains(&None) {
        None
    } else {
        Some(!strong)
    }
}

/// Returns the files that `#[path = "…"]` and `#[cfg_attr(…, path = "…")]` name, the latter with
/// its condition.
pub(crate) fn paths_of(attrs: &[Attribute]) -> Vec<(String, Option<Meta>)> {
    let mut found = Vec::new();
    for attr in attrs {
        if let Some(file) = path_value(&attr.meta) {
            found.push((file, None));
        }
        if attr.path().is_ident("cfg_attr")
            && let Ok(parts) = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
        {
            let mut parts = parts.into_iter();
            let condition = parts.next();
            for file in parts.filter_map(|part| path_value(&part)) {
                found.push((file, condition.clone()));
            }
        }
    }
    found
}

/// Returns whether the condition of a `cfg_attr` may hold.
pub(crate) fn may_hold(condition: &Meta, built: Built) -> bool {
    holds(condition, built) != Some(false)
}

fn path_value(meta: &Meta) -> Option<String> {
    let Meta::NameValue(pair) = meta else {
        return None;
    };
    let Expr::Lit(value) = &pair.value else {
        return None;
    };
    match &value.lit {
        Lit::Str(text) if pair.path.is_ident("path") => Some(text.value()),
        _ => None,
    }
}

/// An item that may have a `cfg`.
pub(crate) trait Attrs {
    fn attrs(&self) -> &[Attribute];
}

/// Returns the attributes of an enum's variants. Variants that are not listed have none.
macro_rules! attrs_of {
    ($type:ident: $($variant:ident)*) => {
        impl Attrs for $type {
            fn attrs(&self) -> &[Attribute] {
                match self {
                    $($type::$variant(it) => &it.attrs,)*
                    _ => &[],
                }
            }
        }
    };
}

attrs_of!(Item: Const Enum ExternCrate Fn ForeignMod Impl Macro Mod Static Struct Trait TraitAlias Type Union Use);
attrs_of!(ImplItem: Const Fn Type Macro);
attrs_of!(TraitItem: Const Fn Type Macro);
attrs_of!(Expr: Assign Binary Block Call Closure ForLoop If Loop Macro Match MethodCall Unsafe While);

impl Attrs for Field {
    fn attrs(&self) -> &[Attribute] {
        &self.attrs
    }
}

impl Attrs for Local {
    fn attrs(&self) -> &[Attribute] {
        &self.attrs
    }
}

impl Attrs for Stmt {
    fn attrs(&self) -> &[Attribute] {
        match self {
            Stmt::Local(local) => local.attrs(),
            Stmt::Item(item) => item.attrs(),
            Stmt::Expr(expr, _) => expr.attrs(),
            Stmt::Macro(it) => &it.attrs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept_in(item: &str) -> (bool, bool) {
        let item: Item = syn::parse_str(item).unwrap();
        let attrs = item.attrs();
        (kept(attrs, Built::ForUsers), kept(attrs, Built::ForLoom))
    }

    #[test]
    fn conditions() {
        assert_eq!(kept_in("fn f() {}"), (true, true));
        assert_eq!(kept_in("#[cfg(test)] mod tests {}"), (false, false));
        assert_eq!(
            kept_in("#[cfg(all(loom, test))] mod tests {}"),
            (false, false)
        );
        assert_eq!(kept_in("#[cfg(not(test))] fn f() {}"), (true, true));
        assert_eq!(kept_in("#[cfg(loom)] fn f() {}"), (false, true));
        assert_eq!(kept_in("#[cfg(not(loom))] fn f() {}"), (true, false));
        assert_eq!(kept_in("#[cfg(any(loom, test))] fn f() {}"), (false, true));
        assert_eq!(kept_in("#[cfg(any(unix, test))] fn f() {}"), (true, true));
        assert_eq!(
            kept_in("#[cfg(not(any(unix, loom)))] fn f() {}"),
            (true, false)
        );
        assert_eq!(
            kept_in("#[cfg(all(unix, not(loom)))] fn f() {}"),
            (true, false)
        );
        assert_eq!(
            kept_in("#[cfg(unix)] #[cfg(loom)] fn f() {}"),
            (false, true)
        );
    }
}
