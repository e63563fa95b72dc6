//! The grammar of `go!`.
//!
//! ```text
//! go      = [ options ( "," | ";" ) ] body [ "," ]
//! options = option { "," option }
//! option  = "name" "=" expr | "stack" "=" expr | "clone" ( "(" names ")" | "[" names "]" )
//!         | "scope" "(" expr ")" | "in" expr
//! body    = statements of a block (a call, a closure and a block are statements too)
//! ```
//!
//! A block may begin with an assignment, so `x = 5; …` is not necessarily a wrong option. It counts
//! as one only where it cannot begin a block: in parentheses, before a `,`, after another option,
//! or if the name is one that people try as an option. Likewise `clone(x)` alone is a call; it is
//! an option only if something follows.
//!
//! With commas the whole input is a list of expressions, so rustfmt formats it like the arguments
//! of a function. rustfmt leaves the form with a `;` alone.

use proc_macro2::{Delimiter as Bracket, Group, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Block, Expr, Stmt, Token};

use super::Delimiter;
use crate::report::here;

/// The parsed input of `go!`, not yet checked.
pub(crate) struct Go {
    /// The options in source order, including repeated and unknown ones.
    pub(crate) options: Vec<GoOption>,
    /// The tokens of the body, without a trailing comma.
    pub(crate) tokens: TokenStream,
    /// The parsed body; `None` if it is half written, or uses syntax newer than syn. rustc then
    /// says what is wrong with it.
    pub(crate) statements: Option<Vec<Stmt>>,
}

/// One option before the body.
pub(crate) struct GoOption {
    /// The word that it begins with.
    pub(crate) key: Ident,
    pub(crate) kind: OptionKind,
}

pub(crate) enum OptionKind {
    /// `name = expr`.
    Name(Expr),
    /// `stack = expr`.
    Stack(Expr),
    /// `clone(a, b)` or `clone [a, b]`: the list's tokens.
    Clone(Group),
    /// `scope(expr)` or `in expr`.
    Scope(Expr),
    /// `key = expr` or `key(…)` with any other key.
    Unknown,
}

/// Words that, with parentheses and a comma behind them, are certainly options.
const OPTIONS: [&str; 4] = ["clone", "scope", "name", "stack"];

/// Keys that are certainly meant as options, whatever follows.
const NEAR_MISSES: [&str; 9] = [
    "names",
    "nmae",
    "label",
    "stak",
    "stack_size",
    "stacksize",
    "size",
    "scope",
    "priority",
];

/// Parses the input of `go!`.
///
/// # Errors
///
/// Returns the first syntax error. Options without a body count as one.
pub(crate) fn parse(input: TokenStream, delimiter: Delimiter) -> syn::Result<Go> {
    (|input: ParseStream<'_>| parse_go(input, delimiter)).parse2(input)
}

fn parse_go(input: ParseStream<'_>, delimiter: Delimiter) -> syn::Result<Go> {
    let mut options = Vec::new();
    while starts_option(input, delimiter, !options.is_empty()) {
        options.push(parse_option(input)?);
        if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            break;
        }
        if !input.peek(Token![,]) {
            return Err(here(input, MISSING_COMMA));
        }
        input.parse::<Token![,]>()?;
        if input.is_empty() {
            return Err(here(input, MISSING_COMMA));
        }
    }
    let tokens = without_trailing_comma(input.parse()?);
    let statements = Block::parse_within.parse2(tokens.clone()).ok();
    Ok(Go {
        options,
        tokens,
        statements,
    })
}

const MISSING_COMMA: &str =
    "expected `,` and what to run after the options; write `go!(name = \"x\", f())`";

/// Returns whether the next tokens are an option. `certain` means that an option precedes them, so
/// they cannot be a statement.
fn starts_option(input: ParseStream<'_>, delimiter: Delimiter, certain: bool) -> bool {
    if input.peek(Token![in]) {
        return true;
    }
    let fork = input.fork();
    let Ok(key) = fork.call(Ident::parse_any) else {
        return false;
    };
    let in_list = certain || delimiter == Delimiter::Paren;
    if fork.peek(syn::token::Paren) {
        let known = OPTIONS.contains(&&*key.to_string());
        let _list: syn::Result<TokenTree> = fork.parse();
        if fork.peek(Token![;]) {
            // A block may well begin with a call of a function named `scope`.
            return key == "clone" && in_list || known && certain;
        }
        // If nothing follows, it is the call that the goroutine makes, perhaps with a trailing
        // comma.
        let body_follows = fork.parse::<Token![,]>().is_ok() && !fork.is_empty();
        return body_follows && (known || in_list);
    }
    if key == "clone" {
        return match fork.parse::<TokenTree>() {
            Ok(TokenTree::Group(list)) if list.delimiter() == Bracket::Bracket => true,
            Ok(TokenTree::Group(_)) => {
                let stopped = fork.peek(Token![;]) || fork.peek(Token![,]);
                stopped && in_list
            }
            Ok(TokenTree::Ident(_)) => true,
            _ => false,
        };
    }
    if !fork.peek(Token![=]) || fork.peek(Token![==]) || fork.peek(Token![=>]) {
        return false;
    }
    if in_list || key == "name" || key == "stack" {
        return true;
    }
    NEAR_MISSES.iter().any(|miss| key == miss) || {
        let assigned =
            fork.parse::<Token![=]>().is_ok() && fork.call(Expr::parse_without_eager_brace).is_ok();
        assigned && fork.peek(Token![,])
    }
}

fn parse_option(input: ParseStream<'_>) -> syn::Result<GoOption> {
    let key = input.call(Ident::parse_any)?;
    if key == "in" {
        if input.is_empty() || input.peek(Token![;]) || input.peek(Token![,]) {
            return Err(syn::Error::new(
                key.span(),
                "expected a scope after `in`; write `go!(in s; f())`",
            ));
        }
        let scope = Expr::parse_without_eager_brace(input)?;
        return Ok(GoOption {
            key,
            kind: OptionKind::Scope(scope),
        });
    }
    if key == "clone" {
        return match input.parse::<TokenTree>() {
            Ok(TokenTree::Group(list)) if list.delimiter() != Bracket::Brace => Ok(GoOption {
                key,
                kind: OptionKind::Clone(list),
            }),
            Ok(other) => Err(syn::Error::new(
                other.span(),
                "expected a list after `clone`; write the names to clone as `clone(a, b)`",
            )),
            Err(error) => Err(error),
        };
    }
    if input.peek(syn::token::Paren) {
        let list: Group = input.parse()?;
        let kind = if key == "scope" {
            let scope = syn::parse2(list.stream());
            OptionKind::Scope(scope.map_err(|_| {
                let message = "expected one scope in `scope(…)`; write `go!(scope(s), || …)`";
                syn::Error::new(list.span(), message)
            })?)
        } else {
            OptionKind::Unknown
        };
        return Ok(GoOption { key, kind });
    }
    let equals = input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![;]) || input.peek(Token![,]) {
        let example = if key == "stack" {
            "stack = 64 * 1024"
        } else {
            "name = \"reader\""
        };
        let message = format!("expected a value after `{key} =`; write `{example}`");
        return Err(syn::Error::new(equals.span, message));
    }
    let value = Expr::parse_without_eager_brace(input)?;
    let kind = if key == "name" {
        OptionKind::Name(value)
    } else if key == "stack" {
        OptionKind::Stack(value)
    } else {
        OptionKind::Unknown
    };
    Ok(GoOption { key, kind })
}

/// Removes a trailing comma: rustfmt breaks a long `go!(f(a, b))` over lines like a function call,
/// with a comma at the end.
fn without_trailing_comma(tokens: TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    if trees.len() > 1
        && matches!(trees.last(), Some(TokenTree::Punct(last)) if last.as_char() == ',')
    {
        trees.pop();
    }
    trees.into_iter().collect()
}

/// Returns the place of the body, for errors in its types: its first token, or the macro call.
pub(crate) fn span_of(body: &TokenStream) -> Span {
    body.clone()
        .into_iter()
        .next()
        .map_or_else(Span::call_site, |first| first.span())
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;
    use crate::report::messages;

    fn parsed(input: TokenStream, delimiter: Delimiter) -> Go {
        match parse(input, delimiter) {
            Ok(go) => go,
            Err(error) => panic!("{error}"),
        }
    }

    fn message(input: TokenStream, delimiter: Delimiter) -> String {
        match parse(input, delimiter) {
            Ok(_) => panic!("was accepted"),
            Err(error) => messages(&error).join(" | "),
        }
    }

    #[test]
    fn options_come_in_any_order() {
        let go = parsed(
            quote!(in s, clone [a, b], stack = 64 * 1024, name = "x"; f(a)),
            Delimiter::Paren,
        );
        let keys: Vec<String> = go
            .options
            .iter()
            .map(|option| option.key.to_string())
            .collect();
        assert_eq!(keys, ["in", "clone", "stack", "name"]);
        assert_eq!(go.tokens.to_string(), "f (a)");
    }

    #[test]
    fn an_option_may_be_followed_by_statements() {
        let go = parsed(quote!(clone [tx]; let x = 1; tx.send(x);), Delimiter::Brace);
        assert_eq!(
            (go.options.len(), go.statements.map_or(0, |all| all.len())),
            (1, 2)
        );
    }

    #[test]
    fn a_trailing_comma_is_dropped() {
        assert_eq!(
            parsed(quote!(f(a, b),), Delimiter::Paren)
                .tokens
                .to_string(),
            "f (a , b)"
        );
    }

    #[test]
    fn a_block_may_begin_with_an_assignment() {
        let go = parsed(quote!(total = compute(); tx.send(total);), Delimiter::Brace);
        assert_eq!(
            (go.options.len(), go.statements.map_or(0, |all| all.len())),
            (0, 2)
        );
        let go = parsed(quote!(x == y), Delimiter::Paren);
        assert_eq!(
            (go.options.len(), go.statements.map_or(0, |all| all.len())),
            (0, 1)
        );
    }

    #[test]
    fn an_assignment_in_parentheses_or_before_a_comma_is_an_option() {
        assert_eq!(
            parsed(quote!(total = 1; f()), Delimiter::Paren)
                .options
                .len(),
            1
        );
        assert_eq!(
            parsed(quote!(total = 1, name = "x"; f()), Delimiter::Brace)
                .options
                .len(),
            2
        );
        assert_eq!(
            parsed(quote!(stack_size = 1; f()), Delimiter::Brace)
                .options
                .len(),
            1
        );
    }

    #[test]
    fn options_may_end_with_a_comma() {
        let inputs = [
            (
                quote!(clone(tx, wg), name = "reader", stack = N, {
                    f();
                }),
                3,
                "{ f () ; }",
            ),
            (quote!(clone(tx), || f(tx),), 1, "|| f (tx)"),
            (quote!(scope(s), || f()), 1, "|| f ()"),
            (quote!(name = "x", in s, clone [a], x.f(a),), 3, "x . f (a)"),
            (
                quote!(scope(s), name = "x", clone(scope), scope(scope)),
                3,
                "scope (scope)",
            ),
            (quote!(clone(tx); f(tx)), 1, "f (tx)"),
            (quote!(name = "x", scope(s); f(tx)), 2, "f (tx)"),
        ];
        for (input, options, body) in inputs {
            let go = parsed(input, Delimiter::Paren);
            assert_eq!(
                (go.options.len(), go.tokens.to_string().as_str()),
                (options, body)
            );
        }
        let go = parsed(quote!(clone(tx), { f(tx) }), Delimiter::Brace);
        assert_eq!(go.options.len(), 1);
    }

    #[test]
    fn a_scope_in_parentheses_is_one_value() {
        for input in [quote!(scope(), f()), quote!(scope(s, t), f())] {
            assert_eq!(
                message(input, Delimiter::Paren),
                "expected one scope in `scope(…)`; write `go!(scope(s), || …)`"
            );
        }
    }

    #[test]
    fn what_is_called_alone_is_no_option() {
        for input in [
            quote!(scope(s)),
            quote!(scope(s),),
            quote!(clone(x),),
            quote!(name(x)),
        ] {
            assert_eq!(parsed(input, Delimiter::Paren).options.len(), 0);
        }
        assert_eq!(
            parsed(quote!(scope(s); f()), Delimiter::Paren)
                .options
                .len(),
            0
        );
    }

    #[test]
    fn clone_is_an_ordinary_name_outside_options() {
        assert_eq!(parsed(quote!(clone(x)), Delimiter::Paren).options.len(), 0);
        assert_eq!(
            parsed(quote!(clone(x); f(x)), Delimiter::Brace)
                .options
                .len(),
            0
        );
    }

    #[test]
    fn a_missing_comma_is_named() {
        for input in [
            quote!(clone [tx] f(tx)),
            quote!(name = "x" f()),
            quote!(name = "x",),
            quote!(name = "x"),
            quote!(in s { f() }),
            quote!(stack = SIZE { f() }),
        ] {
            assert_eq!(message(input, Delimiter::Paren), MISSING_COMMA);
        }
    }

    #[test]
    fn clone_wants_a_list() {
        for input in [
            quote!(clone tx; f(tx)),
            quote!(clone tx, f(tx)),
            quote!(clone {tx}; f(tx)),
        ] {
            assert_eq!(
                message(input, Delimiter::Paren),
                "expected a list after `clone`; write the names to clone as `clone(a, b)`"
            );
        }
    }

    #[test]
    fn an_option_wants_its_value() {
        assert_eq!(
            message(quote!(name = ; f()), Delimiter::Paren),
            "expected a value after `name =`; write `name = \"reader\"`"
        );
        assert_eq!(
            message(quote!(in ; f()), Delimiter::Paren),
            "expected a scope after `in`; write `go!(in s; f())`"
        );
    }
}
