//! `defer! { … }`, `defer!({ … })`: a block that runs when the enclosing scope is left.
//!
//! The macro stands where a statement stands and expands to one `let`, so the guard lives as long as any local of that
//! scope and guards drop last first. The name of the guard is hygienic: several in one scope do not see each other.
//! The block becomes a closure that does not move: it borrows what it names, and moves only what its body consumes.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::parse::Parser;
use syn::{Block, Stmt};

use crate::awaits::awaits;
use crate::paths;
use crate::report::Report;

/// The expansion of `defer!`.
pub(crate) fn defer(input: TokenStream) -> TokenStream {
    let body = in_block(input);
    match parse(&body) {
        Ok(ends_open) => expand(&body, ends_open),
        Err(error) => error.to_compile_error(),
    }
}

/// What is inside of `defer!({ … })`, a form that rustfmt formats; anything else as it is.
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

/// Checks the block and says whether it ends in an expression, whose value is to be thrown away.
fn parse(input: &TokenStream) -> syn::Result<bool> {
    let Ok(statements) = Block::parse_within.parse2(input.clone()) else {
        // Half written: rustc says what is wrong, and rust-analyzer completes it.
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
    // rustc may name it: "… when `_deferred` is dropped".
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
