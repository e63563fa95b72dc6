//! Helpers for the tests of the grammar: show an arm in one line.

use proc_macro2::TokenStream;
use quote::ToTokens;

use super::ast::{Arm, Bias, Head, Select};
use super::parse::parse;
use crate::report::messages;

/// Parses the input, which must have no mistakes.
pub(super) fn parsed(input: TokenStream) -> Select {
    match parse(input, Bias::Random) {
        Ok(select) => select,
        Err(error) => panic!("{}", messages(&error).join(" | ")),
    }
}

/// Returns the messages for the input, which must not parse.
pub(super) fn mistakes(input: TokenStream) -> Vec<String> {
    match parse(input, Bias::Random) {
        Ok(_) => panic!("was accepted"),
        Err(error) => messages(&error),
    }
}

/// Shows an arm: kind, operands, binding, `else`, `if`.
pub(super) fn shown(arm: &Arm) -> String {
    let head = match &arm.head {
        Head::Recv { source } => format!("recv({})", source.to_token_stream()),
        Head::Send { target, value, .. } => {
            format!(
                "send({}, {})",
                target.to_token_stream(),
                value.to_token_stream()
            )
        }
        Head::Default { .. } => "default".to_owned(),
        Head::After { duration, .. } => format!("after({})", duration.to_token_stream()),
    };
    let binding = arm
        .binding
        .as_ref()
        .map(|pat| format!(" {}", pat.to_token_stream()));
    let otherwise = arm.otherwise.as_ref().map(|_| " else");
    let guard = arm
        .guard
        .as_ref()
        .map(|guard| format!(" if {}", guard.condition.to_token_stream()));
    format!(
        "{head}{}{}{}",
        binding.unwrap_or_default(),
        otherwise.unwrap_or_default(),
        guard.unwrap_or_default()
    )
}

/// Shows all the arms of the input.
pub(super) fn arms(input: TokenStream) -> Vec<String> {
    parsed(input).arms.iter().map(shown).collect()
}
