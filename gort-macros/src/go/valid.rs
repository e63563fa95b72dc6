//! Finds the mistakes in a `go!`, and determines the form of its body.
//!
//! Mistakes that rustc describes better (a value that is not `Send`, a borrow that does not live
//! long enough) are left to rustc.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprBlock, ExprCall, ExprClosure, ExprLit, ExprMethodCall, Lit, Stmt, Token};

use super::Delimiter;
use super::clones::names;
use super::parse::{Go, GoOption, OptionKind};
use crate::awaits::awaits;
use crate::report::Report;

/// A `go!` without mistakes.
pub(crate) struct Checked {
    /// The options for the builder, in source order.
    pub(crate) settings: Vec<(Ident, Expr)>,
    /// The names to clone first.
    pub(crate) clones: Vec<Ident>,
    /// The scope in `scope(s)` or `in s`.
    pub(crate) scope: Option<Expr>,
    pub(crate) body: Body,
    /// The tokens of the body.
    pub(crate) tokens: TokenStream,
}

/// What the goroutine runs.
pub(crate) enum Body {
    /// `f(a, b)`.
    Call(ExprCall),
    /// `recv.method(a, b)`.
    Method(ExprMethodCall),
    /// `move || …`.
    Closure(ExprClosure),
    /// One block: `{ … }`.
    Block(ExprBlock),
    /// Anything else: the statements of a block.
    Statements,
    /// Tokens that syn cannot read.
    Unread,
}

/// Checks a parsed `go!`.
///
/// # Errors
///
/// Returns all the mistakes in it.
pub(crate) fn check(go: Go, delimiter: Delimiter) -> syn::Result<Checked> {
    let mut report = Report::default();
    let mut settings = Vec::new();
    let mut clones = Vec::new();
    let mut scope = None;
    let mut moves = false;
    let mut seen: Vec<Ident> = Vec::new();
    for GoOption { key, kind } in go.options {
        let again = matches!(kind, OptionKind::Scope(_)) && scope.is_some();
        if !matches!(kind, OptionKind::Unknown) && (again || seen.contains(&key)) {
            report.at(
                key.span(),
                format_args!("option `{key}` is given twice; keep one"),
            );
            continue;
        }
        match kind {
            OptionKind::Name(value) | OptionKind::Stack(value) => {
                check_value(&key, &value, &mut report);
                settings.push((key.clone(), value));
            }
            OptionKind::Clone(list) => {
                moves = list.delimiter() == proc_macro2::Delimiter::Parenthesis;
                clones = names(&list, &mut report);
            }
            OptionKind::Scope(value) => scope = Some(value),
            OptionKind::Unknown => report.at(key.span(), unknown(&key)),
        }
        seen.push(key);
    }
    let mut body = match go.statements {
        Some(statements) => classify(statements, delimiter, &mut report),
        None => Body::Unread,
    };
    if moves && let Body::Closure(closure) = &mut body {
        // If the closure borrowed the clones, they would not live long enough.
        let span = crate::paths::at(closure.inputs_begin.span);
        closure.capture.get_or_insert(Token![move](span));
    }
    report.finish(Checked {
        settings,
        clones,
        scope,
        body,
        tokens: go.tokens,
    })
}

/// Reports a literal that cannot be the option's value. All other values are left to rustc.
fn check_value(key: &Ident, value: &Expr, report: &mut Report) {
    let Expr::Lit(ExprLit { lit, .. }) = value else {
        return;
    };
    match lit {
        Lit::Str(_) | Lit::Char(_) if key == "name" => {}
        Lit::Int(number) if key == "stack" && number.base10_digits() != "0" => {}
        _ if key == "name" => report.on(value, "`name` is a string; write `name = \"reader\"`"),
        _ => report.on(
            value,
            "`stack` is a number of bytes; write `stack = 64 * 1024`",
        ),
    }
}

fn unknown(key: &Ident) -> String {
    let hint = match key.to_string().as_str() {
        "stack" | "stack_size" | "stacksize" | "stak" | "size" => "; write `stack = bytes`",
        "name" | "names" | "nmae" | "label" => "; write `name = \"x\"`",
        "scope" => "; write `scope(s)`",
        _ => "; options are `name = …`, `stack = …`, `clone(…)` and `scope(s)`",
    };
    format!("unknown option `{key}`{hint}")
}

const EXPECTED: &str = "expected a call, a closure or a block; write `go! { … }` to run this";

fn classify(mut statements: Vec<Stmt>, delimiter: Delimiter, report: &mut Report) -> Body {
    match statements.pop() {
        None => {
            report.at(
                Span::call_site(),
                "nothing to run; write `go!(f(x))`, `go!(move || …)` or `go! { … }`",
            );
            Body::Statements
        }
        Some(Stmt::Expr(expr, None)) if statements.is_empty() => {
            classify_expr(expr, delimiter, report)
        }
        Some(last) => {
            statements.push(last);
            awaits(&statements, "a goroutine", report);
            Body::Statements
        }
    }
}

fn classify_expr(expr: Expr, delimiter: Delimiter, report: &mut Report) -> Body {
    match expr {
        Expr::Group(group) => classify_expr(*group.expr, delimiter, report),
        Expr::Call(call) if call.attrs.is_empty() => Body::Call(call),
        Expr::MethodCall(call) if call.attrs.is_empty() => Body::Method(call),
        Expr::Closure(closure) => {
            check_closure(&closure, report);
            Body::Closure(closure)
        }
        Expr::Async(block) => {
            report.at(block.async_token.span, async_message("block"));
            Body::Statements
        }
        Expr::Block(block) if block.attrs.is_empty() && block.label.is_none() => {
            awaits(&block.block.stmts, "a goroutine", report);
            Body::Block(block)
        }
        Expr::Path(path) if delimiter == Delimiter::Paren => {
            let text = plain(&path);
            report.on(
                &path,
                format_args!("`{text}` is not called; write `go!({text}())`"),
            );
            Body::Statements
        }
        other => {
            let found = awaits(
                std::slice::from_ref(&Stmt::Expr(other.clone(), None)),
                "a goroutine",
                report,
            );
            if !found && delimiter == Delimiter::Paren && !is_block_like(&other) {
                report.on(&other, EXPECTED);
            }
            Body::Statements
        }
    }
}

/// Returns a path the way people write it, without the spaces between tokens.
fn plain(path: &impl ToTokens) -> String {
    path.to_token_stream()
        .to_string()
        .replace(" :: ", "::")
        .replace(":: ", "::")
        .replace(" <", "<")
        .replace("< ", "<")
        .replace(" >", ">")
}

fn is_block_like(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Block(_)
            | Expr::Const(_)
            | Expr::ForLoop(_)
            | Expr::If(_)
            | Expr::Loop(_)
            | Expr::Macro(_)
            | Expr::Match(_)
            | Expr::TryBlock(_)
            | Expr::Unsafe(_)
            | Expr::While(_)
            | Expr::Call(_)
            | Expr::MethodCall(_)
    )
}

fn check_closure(closure: &ExprClosure, report: &mut Report) {
    if let Some(token) = &closure.asyncness {
        report.at(token.span, async_message("closure"));
        return;
    }
    if !closure.inputs.is_empty() {
        report.on(
            &closure.inputs,
            "a goroutine's closure has no parameters; write `move || …` and name the values inside",
        );
    }
    awaits(
        std::slice::from_ref(&Stmt::Expr((*closure.body).clone(), None)),
        "a goroutine",
        report,
    );
}

fn async_message(what: &str) -> String {
    format!(
        "`go!` takes no async {what}; drop `async`, or wait with `gort::future::block_on(future)`"
    )
}

/// The arguments of a call, for [`super::expand`].
pub(crate) type Arguments = Punctuated<Expr, Token![,]>;

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::super::parse::parse;
    use super::*;
    use crate::report::messages;

    fn checked(input: TokenStream, delimiter: Delimiter) -> Checked {
        match parse(input, delimiter).and_then(|go| check(go, delimiter)) {
            Ok(go) => go,
            Err(error) => panic!("{error}"),
        }
    }

    fn mistakes(input: TokenStream, delimiter: Delimiter) -> Vec<String> {
        match parse(input, delimiter).and_then(|go| check(go, delimiter)) {
            Ok(_) => panic!("was accepted"),
            Err(error) => messages(&error),
        }
    }

    #[test]
    fn a_single_call_is_the_call_form_in_any_brackets() {
        for delimiter in [Delimiter::Brace, Delimiter::Paren, Delimiter::Unknown] {
            assert!(matches!(
                checked(quote!(f(a, b)), delimiter).body,
                Body::Call(_)
            ));
            assert!(matches!(
                checked(quote!((self.f)(a)), delimiter).body,
                Body::Call(_)
            ));
            assert!(matches!(
                checked(quote!(conn.serve::<T>(db)), delimiter).body,
                Body::Method(_)
            ));
            assert!(matches!(
                checked(quote!(f(a);), delimiter).body,
                Body::Statements
            ));
        }
    }

    #[test]
    fn blocks_loops_and_macros_are_blocks_in_any_brackets() {
        for input in [
            quote!(loop {
                f();
            }),
            quote!(for x in 0..3 {
                tx.send(x)
            }),
            quote!(println!("hi")),
            quote!(if a { b } else { c }),
            quote!('a: { break 'a 3 }),
        ] {
            assert!(matches!(
                checked(input, Delimiter::Paren).body,
                Body::Statements
            ));
        }
        assert!(matches!(
            checked(
                quote!({
                    f();
                }),
                Delimiter::Paren
            )
            .body,
            Body::Block(_)
        ));
    }

    #[test]
    fn any_expression_in_braces_is_a_block() {
        for input in [quote!(42), quote!(x), quote!(a + b), quote!(f()?)] {
            assert!(matches!(
                checked(input, Delimiter::Brace).body,
                Body::Statements
            ));
        }
    }

    #[test]
    fn a_path_in_parentheses_is_not_called() {
        assert_eq!(
            mistakes(quote!(f), Delimiter::Paren),
            ["`f` is not called; write `go!(f())`"]
        );
        assert_eq!(
            mistakes(quote!(a::b::<T>), Delimiter::Paren),
            ["`a::b::<T>` is not called; write `go!(a::b::<T>())`"]
        );
    }

    #[test]
    fn a_value_in_parentheses_is_a_mistake() {
        for input in [
            quote!(1),
            quote!(a + b),
            quote!(a.b),
            quote!(f()?),
            quote!(&f),
        ] {
            assert_eq!(mistakes(input, Delimiter::Paren), [EXPECTED]);
        }
    }

    #[test]
    fn nothing_to_run_is_a_mistake() {
        let message = "nothing to run; write `go!(f(x))`, `go!(move || …)` or `go! { … }`";
        assert_eq!(mistakes(quote!(), Delimiter::Paren), [message]);
        assert_eq!(mistakes(quote!(name = "x";), Delimiter::Paren), [message]);
    }

    #[test]
    fn a_literal_of_the_wrong_kind_is_named() {
        for value in [quote!(3), quote!(true), quote!(b"x")] {
            assert_eq!(
                mistakes(quote!(name = #value; f()), Delimiter::Paren),
                ["`name` is a string; write `name = \"reader\"`"]
            );
        }
        for value in [quote!("64k"), quote!(0), quote!(1.5)] {
            assert_eq!(
                mistakes(quote!(stack = #value; f()), Delimiter::Paren),
                ["`stack` is a number of bytes; write `stack = 64 * 1024`"]
            );
        }
        checked(quote!(name = 'x', stack = SIZE; f()), Delimiter::Paren);
    }

    #[test]
    fn all_mistakes_are_told_together() {
        assert_eq!(
            mistakes(
                quote!(name = "a", name = "b", prio = 3; f),
                Delimiter::Paren
            ),
            [
                "option `name` is given twice; keep one",
                "unknown option `prio`; options are `name = …`, `stack = …`, `clone(…)` and `scope(s)`",
                "`f` is not called; write `go!(f())`",
            ]
        );
    }

    #[test]
    fn with_clone_in_parentheses_a_closure_moves() {
        for (input, moves) in [
            (quote!(clone(x), || f(x)), true),
            (quote!(scope(s), clone(x), || f(x)), true),
            (quote!(scope(s), || f(x)), false),
            (quote!(in s, clone [x]; || f(x)), false),
        ] {
            match checked(input, Delimiter::Paren).body {
                Body::Closure(closure) => assert_eq!(closure.capture.is_some(), moves),
                _ => panic!("a closure was written"),
            }
        }
    }

    #[test]
    fn an_option_that_is_called_is_named() {
        assert_eq!(
            mistakes(
                quote!(named("x"), name("x"), stack(1), f()),
                Delimiter::Paren
            ),
            [
                "unknown option `named`; options are `name = …`, `stack = …`, `clone(…)` and `scope(s)`",
                "unknown option `name`; write `name = \"x\"`",
                "unknown option `stack`; write `stack = bytes`",
            ]
        );
        assert_eq!(
            mistakes(quote!(in s, scope(t), f()), Delimiter::Paren),
            ["option `scope` is given twice; keep one"]
        );
    }

    #[test]
    fn the_clone_list_holds_names() {
        assert_eq!(
            checked(quote!(clone [a, b,]; f(a, b)), Delimiter::Paren)
                .clones
                .len(),
            2
        );
        let names_only =
            "`clone` takes names; write `let x = ….clone();` before the `go!` and use `x`";
        assert_eq!(
            mistakes(quote!(clone [self.x, &y]; f()), Delimiter::Paren),
            [names_only, names_only]
        );
        assert_eq!(
            mistakes(quote!(clone [a, a]; f()), Delimiter::Paren),
            ["`a` is in the list twice; keep one"]
        );
        assert_eq!(
            mistakes(quote!(clone []; f()), Delimiter::Paren),
            ["the list of `clone` is empty; write `clone(tx)`"]
        );
    }

    #[test]
    fn await_is_a_mistake_where_the_goroutine_would_run_it() {
        let message = "a goroutine does not await; write `gort::future::block_on(future)`";
        for input in [
            quote!(f().await),
            quote!({
                f().await;
            }),
            quote!(move || f().await),
            quote!(let x = f().await; g(x)),
        ] {
            assert_eq!(mistakes(input, Delimiter::Paren), [message]);
        }
        checked(
            quote!(let x = block_on(async { f().await }); g(x)),
            Delimiter::Brace,
        );
        checked(quote!(f(x.await)), Delimiter::Paren);
    }

    #[test]
    fn async_blocks_and_closures_are_mistakes() {
        assert_eq!(
            mistakes(quote!(async move { f().await }), Delimiter::Paren),
            [async_message("block")]
        );
        assert_eq!(
            mistakes(quote!(async move || f().await), Delimiter::Paren),
            [async_message("closure")]
        );
    }

    #[test]
    fn a_closure_has_no_parameters() {
        assert_eq!(
            mistakes(quote!(move |x| f(x)), Delimiter::Paren),
            [
                "a goroutine's closure has no parameters; write `move || …` and name the values inside"
            ]
        );
    }
}
