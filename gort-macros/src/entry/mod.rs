//! `#[gort::main]` and `#[gort::test]`: a function whose body runs as a goroutine.
//!
//! [`args`] reads the attribute's arguments, [`valid`] checks the function, and [`expand`] writes
//! the wrapper. After a mistake in the arguments, the function is expanded as if the attribute had
//! no arguments. After a mistake in the function, a stub with the same name replaces it.

use proc_macro2::TokenStream;

mod args;
mod expand;
mod valid;

use args::Args;

/// The attribute being expanded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EntryPoint {
    Main,
    Test,
}

impl EntryPoint {
    /// Returns the attribute the way users write it.
    fn shown(self) -> &'static str {
        match self {
            EntryPoint::Main => "#[gort::main]",
            EntryPoint::Test => "#[gort::test]",
        }
    }
}

/// Expands `#[gort::main]`.
pub(crate) fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry(EntryPoint::Main, args, item)
}

/// Expands `#[gort::test]`.
pub(crate) fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry(EntryPoint::Test, args, item)
}

fn entry(entry: EntryPoint, args: TokenStream, item: TokenStream) -> TokenStream {
    let (args, mut errors) = match args::parse(entry, args) {
        Ok(args) => (args, TokenStream::new()),
        Err(error) => (Args::default(), error.to_compile_error()),
    };
    let function = match valid::function(entry, item.clone()) {
        Ok(function) => function,
        Err(error) => {
            errors.extend(error.to_compile_error());
            errors.extend(item);
            return errors;
        }
    };
    errors.extend(match valid::check(entry, &function) {
        Ok(()) => expand::expand(entry, &args, &function),
        Err(error) => {
            let mut tokens = error.to_compile_error();
            tokens.extend(expand::stub(&function));
            tokens
        }
    });
    errors
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn a_wrong_argument_leaves_the_function() {
        let text = main(
            quote!(procs = "x"),
            quote!(
                fn main() {
                    work();
                }
            ),
        )
        .to_string();
        assert!(text.contains("compile_error"), "{text}");
        assert!(text.contains("run_main") && text.contains("work"), "{text}");
    }

    #[test]
    fn a_wrong_function_leaves_a_stub() {
        let text = main(
            quote!(),
            quote!(
                async fn main() {
                    work().await;
                }
            ),
        )
        .to_string();
        assert!(text.contains("compile_error"), "{text}");
        assert!(
            text.contains("fn main ()") && !text.contains("async fn") && !text.contains("work"),
            "{text}"
        );
    }

    #[test]
    fn another_item_is_left_as_it_is() {
        let text = test(
            quote!(),
            quote!(
                struct S;
            ),
        )
        .to_string();
        assert!(
            text.contains("compile_error") && text.contains("struct S ;"),
            "{text}"
        );
    }
}
