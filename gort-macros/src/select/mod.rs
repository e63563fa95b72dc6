//! `select!`: several channel operations, exactly one of which takes place.
//!
//! [`ast`] defines the tree. [`parse`], [`head`], [`keyword`] and [`tail`] are the grammar.
//! [`tokens`] searches the tokens before syn parses them. [`valid`] finds the mistakes. [`expand`]
//! writes the outline of the expansion, and [`operand`] the code around each arm's operands.

use proc_macro2::TokenStream;

mod ast;
mod expand;
mod head;
mod keyword;
mod operand;
mod parse;
mod tail;
#[cfg(test)]
mod testing;
mod tokens;
mod valid;

pub(crate) use ast::Bias;

use crate::report;

/// Expands `select!` and `select_biased!`.
pub(crate) fn select(input: TokenStream, bias: Bias) -> TokenStream {
    match parse::parse(input.clone(), bias).and_then(valid::check) {
        Ok(select) => expand::expand(&select),
        Err(error) => report::fallback_expr(&error, input),
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn what_is_half_written_is_in_the_expansion() {
        let cases = [
            (
                quote!(v = <-rx => { v. } default => 1),
                "match __result { v => { v . } , }",
            ),
            (
                quote!(v = <-rx => v., default => 1),
                "match __result { v => { v . } , }",
            ),
            (
                quote!(v = <-rx => f(v.), default => 1),
                "v => { f (v .) } , }",
            ),
            (quote!(v = <-rx. => 1), "(v = <- rx . => 1)"),
            (
                quote!(v = <-rx => v. default => 1),
                "(v = <- rx => v . default => 1)",
            ),
        ];
        for (input, expected) in cases {
            let text = select(input, Bias::Random).to_string();
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
