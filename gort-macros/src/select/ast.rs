//! The tree of a `select!`.
//!
//! Go's arms and crossbeam's have one form here: the two spellings mean the same.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Block, Expr, Pat};

/// How to choose among ready arms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bias {
    /// Uniform random, as in Go.
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
    /// The pattern for the result, if it is wanted.
    pub(crate) binding: Option<Pat>,
    /// The block behind `else`.
    pub(crate) otherwise: Option<Otherwise>,
    /// The expression behind `, if`.
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
        /// crossbeam's form: a value is evaluated when the arm has been chosen.
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
    /// The `#[cfg(…)]`s: whatever belongs to this arm alone must carry them.
    pub(crate) fn cfgs(&self) -> impl Iterator<Item = &Attribute> {
        self.attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
    }

    /// Whether the arm may be configured away.
    pub(crate) fn is_conditional(&self) -> bool {
        self.cfgs().next().is_some()
    }

    /// Whether the arm is an operation, not `default` or `after`.
    pub(crate) fn is_operation(&self) -> bool {
        matches!(self.head, Head::Recv { .. } | Head::Send { .. })
    }

    /// The value that is evaluated only when the arm has been chosen.
    pub(crate) fn late_value(&self) -> Option<&Expr> {
        match &self.head {
            Head::Send {
                value, late: true, ..
            } if place(value).is_none() => Some(unwrapped(value)),
            _ => None,
        }
    }

    /// The variable that a send arm moves out of if it is chosen, or `None` if it sends a value.
    pub(crate) fn place(&self) -> Option<&Ident> {
        match &self.head {
            Head::Send { value, .. } => place(value),
            _ => None,
        }
    }
}

/// `v` for the expression `v`: one lower-case name without path or generics.
///
/// A name that is a constant or a function after all is refused by rustc, which takes no address of a temporary; the
/// bits of a value can so never be sent and dropped as well.
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

/// Without the parentheses around all of an expression, which would be too many in the expansion.
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
