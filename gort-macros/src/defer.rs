//! `defer! { … }`, `defer!({ … })`: a block that runs when the enclosing scope is left.
//!
//! The macro is used as a statement and expands to one `let`. So the guard lives as long as the
//! scope's other locals, and guards are dropped in reverse order. The name of the guard is
//! hygienic: several guards in one scope do not see each other. The block becomes a closure without
//! `move`: it borrows the variables that it names, and moves only those that its body consumes.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::parse::Parser;
use syn::{Block, Stmt};

use crate::awaits::awaits;
use crate::paths;
use crate::report::Report;

/// Expands `defer!`.
pub(crate) fn defer(input: TokenStream) -> TokenStream {
    let body = in_block(input);
    match parse(&body) {
        Ok(ends_open) => expand(&body, ends_open),
        Err(error) => error.to_compile_error(),
    }
}

/// Returns the contents of the block in `defer!({ … })`, the form that rustfmt formats. Returns any
/// other input unchanged.
fn in_block(input: TokenStream) -> TokenStream {
    let mut trees = input.clone().into_iter();
    match (trees.next(), trees.next(), trees.next()) {
        (Some(TokenTree::Group(block)), comma, None)
            if block.delimiter() == Delimiter::Brace
                && comma.as_ref().is_none_or(|comma| comma.to_string() == ",") =>
        {
            block.stream()
        }
        _ => input,
    }
}

/// Checks the block. Returns whether it ends in an expression, whose value must be discarded.
fn parse(input: &TokenStream) -> syn::Result<bool> {
    let Ok(statements) = Block::parse_within.parse2(input.clone()) else {
        // The block is half written: rustc says what is wrong, and rust-analyzer completes inside
        // it.
        return Ok(true);
    };
    let mut report = Report::default();
    let Some(last) = statements.last() else {
        report.at(Span::call_site(), "nothing to run; write `defer! { f(); }`");
        return report.finish(false);
    };
    let ends_open = match last {
        Stmt::Expr(_, semicolon) => semicolon.is_none(),
        Stmt::Macro(last) => last.semi_token.is_none(),
        Stmt::Local(_) | Stmt::Item(_) => false,
    };
    awaits(&statements, "a `defer!` block", &mut report);
    report.finish(ends_open)
}

fn expand(body: &TokenStream, ends_open: bool) -> TokenStream {
    let defer = paths::gort("defer", Span::call_site());
    // The name may appear in rustc's messages: "… when `_deferred` is dropped".
    let guard = Ident::new("_deferred", Span::mixed_site());
    let last = body.clone().into_iter().last();
    let last = last.map_or_else(Span::mixed_site, |last| paths::at(last.span()));
    let end = ends_open.then(|| quote_spanned!(last=> ;));
    quote_spanned! {Span::mixed_site()=>
        let #guard = #defer(|| { #body #end });
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;
    use crate::report::messages;

    fn message(input: &TokenStream) -> String {
        match parse(input) {
            Ok(_) => panic!("{input} was accepted"),
            Err(error) => messages(&error).join(" | "),
        }
    }

    #[test]
    fn expands_to_one_let_without_move() {
        let tokens = defer(quote!(done();));
        assert_eq!(
            tokens.to_string(),
            "let _deferred = :: gort :: __macro :: defer (|| { done () ; }) ;"
        );
    }

    #[test]
    fn a_block_in_parentheses_is_the_same() {
        for input in [
            quote!({
                done();
            }),
            quote!({
                done();
            },),
        ] {
            assert_eq!(defer(input).to_string(), defer(quote!(done();)).to_string());
        }
        assert!(defer(quote!({})).to_string().contains("nothing to run"));
        // Several blocks are statements.
        let text = defer(quote!({ a() } { b() })).to_string();
        assert!(text.contains("{ a () } { b () } ;"), "{text}");
    }

    #[test]
    fn the_value_of_the_block_is_thrown_away() {
        let tokens = defer(quote!(tx.send(1)));
        assert!(
            tokens.to_string().contains("{ tx . send (1) ; }"),
            "{tokens}"
        );
        let tokens = defer(quote!(println!("bye")));
        assert!(tokens.to_string().contains("(\"bye\") ; }"), "{tokens}");
    }

    #[test]
    fn a_half_written_block_is_in_the_expansion() {
        let text = defer(quote!(f(); x.)).to_string();
        assert!(text.contains("(|| { f () ; x . ; })"), "{text}");
    }

    #[test]
    fn an_empty_block_is_a_mistake() {
        assert_eq!(
            message(&quote!()),
            "nothing to run; write `defer! { f(); }`"
        );
    }

    #[test]
    fn await_is_a_mistake() {
        assert_eq!(
            message(&quote!(f().await)),
            "a `defer!` block does not await; write `gort::future::block_on(future)`"
        );
    }
}
