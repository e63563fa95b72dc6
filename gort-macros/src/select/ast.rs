//! The tree of a `select!`.
//!
//! Go's arms and crossbeam's have the same form here, since the two spellings mean the same.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Block, Expr, Pat};

/// How to choose among ready arms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bias {
    /// Uniformly at random, as in Go.
    Random,
    /// The first in source order.
    Biased,
}

/// A whole `select!`.
pub(crate) struct Select {
    pub(crate) bias: Bias,
    pub(crate) arms: Vec<Arm>,
}

/// One arm.
pub(crate) struct Arm {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) head: Head,
    /// The pattern for the result, if there is one.
    pub(crate) binding: Option<Pat>,
    /// The `else` block.
    pub(crate) otherwise: Option<Otherwise>,
    /// The guard, `, if condition`.
    pub(crate) guard: Option<Guard>,
    pub(crate) body: Expr,
}

/// An arm without attributes and body.
pub(crate) struct Parsed {
    pub(crate) head: Head,
    pub(crate) binding: Option<Pat>,
    pub(crate) otherwise: Option<Otherwise>,
    pub(crate) guard: Option<Guard>,
}

/// What an arm waits for.
pub(crate) enum Head {
    /// `<-source`, `recv(source)`.
    Recv { source: Expr },
    /// `target <- value`, `send(target, value)`.
    Send {
        target: Expr,
        value: Expr,
        /// crossbeam's form: the value is evaluated after the arm has been chosen.
        late: bool,
    },
    /// `default`.
    Default { keyword: Ident },
    /// `after(duration)`, `default(duration)`.
    After { keyword: Ident, duration: Expr },
}

/// `else { … }` behind an operation.
pub(crate) struct Otherwise {
    pub(crate) keyword: Span,
    pub(crate) block: Block,
}

/// `, if condition` behind an operation.
pub(crate) struct Guard {
    pub(crate) keyword: Span,
    pub(crate) condition: Expr,
}

impl Arm {
    /// Returns the arm's `#[cfg(…)]`s. All code that belongs only to this arm must carry them.
    pub(crate) fn cfgs(&self) -> impl Iterator<Item = &Attribute> {
        self.attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
    }

    /// Returns whether the arm may be configured away.
    pub(crate) fn is_conditional(&self) -> bool {
        self.cfgs().next().is_some()
    }

    /// Returns whether the arm is an operation, not `default` or `after`.
    pub(crate) fn is_operation(&self) -> bool {
        matches!(self.head, Head::Recv { .. } | Head::Send { .. })
    }

    /// Returns the value that is evaluated only after the arm has been chosen, if there is one.
    pub(crate) fn late_value(&self) -> Option<&Expr> {
        match &self.head {
            Head::Send {
                value, late: true, ..
            } if place(value).is_none() => Some(unwrapped(value)),
            _ => None,
        }
    }

    /// Returns the variable that a send arm moves out of if it is chosen, or `None` if it sends a
    /// value.
    pub(crate) fn place(&self) -> Option<&Ident> {
        match &self.head {
            Head::Send { value, .. } => place(value),
            _ => None,
        }
    }
}

/// Returns `v` for the expression `v`: a single lower-case name without path or generics.
///
/// If the name turns out to be a constant or a function, rustc rejects the expansion, because the
/// expansion takes the address of the place and a temporary has none. So a value can never be both
/// sent and dropped.
fn place(value: &Expr) -> Option<&Ident> {
    match value {
        Expr::Group(group) => place(&group.expr),
        Expr::Path(path) if path.qself.is_none() && path.attrs.is_empty() => {
            let name = path.path.get_ident()?;
            let text = name.to_string();
            let first = text.strip_prefix("r#").unwrap_or(&text).chars().next()?;
            (first.is_lowercase() || first == '_').then_some(name)
        }
        _ => None,
    }
}

/// Removes the parentheses around a whole expression, which would be redundant in the expansion.
pub(crate) fn unwrapped(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => unwrapped(&group.expr),
        Expr::Paren(paren) if paren.attrs.is_empty() => unwrapped(&paren.expr),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn only_a_plain_lower_case_name_is_a_place() {
        for expr in [
            parse_quote!(v),
            parse_quote!(_v),
            parse_quote!(r#type),
            parse_quote!(self),
        ] {
            assert!(place(&expr).is_some());
        }
        let values: [Expr; 8] = [
            parse_quote!(MAX),
            parse_quote!(None),
            parse_quote!(a::b),
            parse_quote!(a::<T>),
            parse_quote!((v)),
            parse_quote!(v.x),
            parse_quote!(&v),
            parse_quote!(1),
        ];
        for expr in values {
            assert!(place(&expr).is_none());
        }
    }

    #[test]
    fn parentheses_around_everything_go() {
        let expr: Expr = parse_quote!((v));
        assert!(matches!(unwrapped(&expr), Expr::Path(_)));
        let expr: Expr = parse_quote!((a, b));
        assert!(matches!(unwrapped(&expr), Expr::Tuple(_)));
    }
}
