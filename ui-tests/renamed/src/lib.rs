//! Uses every macro in a crate that calls gort `g`, has no prelude, and denies every lint that it
//! can.
//!
//! `cargo clippy` checks it like a user's crate. `gort-ui-tests` runs it, and
//! `cargo test -p gort-ui-tests-renamed` runs the functions with `#[g::test]`.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, clippy::all, clippy::pedantic)]
#![deny(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block
)]

use ::core::option::Option::{self, None};
use ::core::result::Result::{self, Err, Ok};
use ::core::{assert, assert_eq, matches, time::Duration};
use ::g::channel::{Receiver, Sender, bounded, select_biased};
use ::g::{JoinHandle, defer, go, select};
use ::std::string::{String, ToString};
use ::std::{boxed::Box, error::Error, vec, vec::Vec};

struct Server {
    port: u16,
}

impl Server {
    fn serve<T: ::core::convert::Into<u32>>(self, more: T) -> u32 {
        <u32 as ::core::convert::From<u16>>::from(self.port) + more.into()
    }
}

fn add(a: u32, b: u32) -> u32 {
    a + b
}

fn apply<F: ::core::ops::Fn(u32) -> u32>(value: u32, f: F) -> u32 {
    f(value)
}

fn starts() {
    let base = 2;
    let pick = || add;
    let shared = ::std::sync::Arc::new(base);
    let handles: Vec<JoinHandle<u32>> = vec![
        go!(add(1, base)),
        go!((pick())(1, base)),
        go!(apply(base, |x| x + 1)),
        go!(Server { port: 1 }.serve::<u16>(2)),
        go!(move || base + 1),
        go!({ base + 1 }),
        go! {
            let one = 1;
            base + one
        },
        go!(name = "named", stack = 128 * 1024, clone [shared]; add(1, *shared)),
    ];
    for handle in handles {
        assert!(matches!(handle.join(), Ok(3)));
    }
    let mut parts = [0; 3];
    ::g::scope(|s| {
        for part in &mut parts {
            go!(in s; move || *part = 1);
        }
        go!(in s, name = "scoped"; add(1, 2));
    });
    assert_eq!(parts, [1; 3]);
}

fn receives(rx: &Receiver<String>, done: Option<&Receiver<()>>) -> Result<usize, Box<dyn Error>> {
    let mut length = 0;
    loop {
        defer! { let _ = rx.len(); }
        select! {
            Ok(word) = <-rx else { break } => {
                if word.is_empty() {
                    continue;
                }
                length += word.len();
            }
            <-done, if length > 3 => return Ok(length),
            after(Duration::from_mins(1)) => return Err(Box::new(::std::fmt::Error)),
        }
    }
    Ok(length)
}

/// Wraps a macro that expands to an `unsafe` block in a macro of this crate.
macro_rules! send_or_keep {
    ($tx:expr, $value:ident, $only:expr) => {
        select! {
            $tx <- $value, if $only => None,
            default => Option::Some($value),
        }
    };
}

fn sends(tx: &Sender<String>) {
    let (full, _keep) = bounded::<String>(0);
    let word = "word".to_string();
    let sent = select! {
        biased;
        full <- word => 0,
        refused = tx <- word => if refused.is_ok() { 1 } else { 2 },
        default => {
            ::core::mem::drop(word);
            3
        }
    };
    assert_eq!(sent, 1);
    let kept = "kept".to_string();
    let kept = send_or_keep!(full, kept, true);
    assert!(kept.is_some_and(|kept| send_or_keep!(tx, kept, false).is_some()));
    select! {
        send(tx, ::std::string::String::new()) -> sent => assert!(sent.is_ok()),
        recv(::g::channel::never::<u32>()) -> _ => ::core::unreachable!(),
        default(Duration::from_mins(1)) => ::core::unreachable!(),
    }
    select_biased! {
        tx <- "more".to_string() => {}
    }
}

/// Uses all the macros.
///
/// # Panics
///
/// Panics if a macro does not behave as in a crate that calls gort `gort`.
pub fn run() {
    ::g::runtime::run(starts);
    let (tx, rx) = bounded(4);
    sends(&tx);
    ::core::mem::drop(tx);
    assert!(matches!(receives(&rx, None), Ok(8)));
    assert_eq!(
        ::std::format!("{:?}", main()),
        ::std::format!("{:?}", ::std::process::ExitCode::SUCCESS)
    );
}

#[::g::main(procs = 2, stack = 1 << 20)]
fn main() -> Result<(), Box<dyn Error + ::core::marker::Send + ::core::marker::Sync>> {
    assert_eq!("7".parse::<u32>()?, 7);
    assert!(matches!(go!(add(3, 4)).join(), Ok(7)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use ::core::assert_eq;
    use ::core::result::Result::{self, Ok};

    #[::g::test]
    fn a_plain_test() -> Result<(), ::g::channel::RecvError> {
        let (tx, rx) = ::g::channel::bounded(1);
        ::g::go!(clone [tx]; ::core::mem::drop(tx.send(1)));
        assert_eq!(rx.recv()?, 1);
        Ok(())
    }

    #[::g::test(procs = 2, leaks = "allow")]
    #[should_panic(expected = "as wanted")]
    fn a_test_with_everything() {
        ::g::go! {
            ::g::select! {}
        };
        ::core::panic!("as wanted");
    }
}
