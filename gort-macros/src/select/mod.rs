//! `select!`: several channel operations, exactly one of which happens.
//!
//! [`ast`] is the tree, [`parse`], [`head`] and [`keyword`] the grammar, [`valid`] the mistakes, [`expand`] the outline
//! of the expansion and [`operand`] the code around each arm's operands.

use proc_macro2::TokenStream;

mod ast;
mod expand;
mod head;
mod keyword;
mod operand;
mod parse;
#[cfg(test)]
mod testing;
mod valid;

pub(crate) use ast::Bias;

use crate::report;

/// The expansion of `select!` and `select_biased!`.
pub(crate) fn select(input: TokenStream, bias: Bias) -> TokenStream {
    match parse::parse(input, bias).and_then(valid::check) {
        Ok(select) => expand::expand(&select),
        Err(error) => report::fallback_expr(&error),
    }
}
