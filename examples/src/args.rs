//! Arguments of the form `--name value`, and words.

use crate::{Failure, Outcome};
use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// The arguments that have not been taken yet.
#[derive(Debug)]
pub struct Args<'a> {
    rest: &'a [OsString],
}

/// One argument.
#[derive(Debug, PartialEq, Eq)]
pub enum Arg<'a> {
    /// `--name`, without the dashes.
    Option(&'a str),
    /// Anything else.
    Word(&'a OsStr),
}

impl<'a> Args<'a> {
    /// Creates a list of all arguments of a program.
    #[must_use]
    pub fn new(args: &'a [OsString]) -> Self {
        Self { rest: args }
    }

    /// Takes the next argument.
    ///
    /// # Errors
    /// Returns [`Failure::Usage`] for an option that is not UTF-8, which no program can have.
    pub fn take(&mut self) -> Outcome<Option<Arg<'a>>> {
        let Some((first, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        self.rest = rest;
        match first.to_str() {
            Some(text) if text.starts_with("--") => Ok(Some(Arg::Option(&text[2..]))),
            None if first.to_string_lossy().starts_with("--") => {
                Err(Failure::usage(format!("there is no option {first:?}")))
            }
            _ => Ok(Some(Arg::Word(first))),
        }
    }

    /// Takes the value of the option that was taken last.
    ///
    /// # Errors
    /// Returns [`Failure::Usage`] if there is no further argument.
    pub fn value(&mut self, option: &str) -> Outcome<&'a OsStr> {
        let missing = || Failure::usage(format!("--{option} wants a value"));
        let (first, rest) = self.rest.split_first().ok_or_else(missing)?;
        self.rest = rest;
        Ok(first)
    }

    /// Takes all arguments that are left, whatever they are.
    pub fn rest(&mut self) -> &'a [OsString] {
        std::mem::take(&mut self.rest)
    }
}

/// Returns the failure for an option that the program does not have.
#[must_use]
pub fn unknown(option: &str) -> Failure {
    Failure::usage(format!("there is no option --{option}"))
}

/// Parses a time like `500ms`, `30s` or `2m`.
///
/// # Errors
/// Returns [`Failure::Usage`] if the text is not a time, or is 0.
pub fn duration(text: &OsStr) -> Outcome<Duration> {
    let wrong = || {
        Failure::usage(format!(
            "expected a time like 500ms, 30s or 2m, not {text:?}"
        ))
    };
    let text = text.to_str().ok_or_else(wrong)?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let count: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let millis = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    match count.checked_mul(millis) {
        Some(millis @ 1..) => Ok(Duration::from_millis(millis)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_words_and_values_come_in_their_order() {
        let all: Vec<OsString> = ["a", "--b", "c", "-", "--d"].map(Into::into).into();
        let mut args = Args::new(&all);
        assert!(matches!(args.take(), Ok(Some(Arg::Word(a))) if a == "a"));
        assert!(matches!(args.take(), Ok(Some(Arg::Option("b")))));
        assert!(matches!(args.value("b"), Ok(c) if c == "c"));
        assert!(matches!(args.take(), Ok(Some(Arg::Word(dash))) if dash == "-"));
        assert!(matches!(args.take(), Ok(Some(Arg::Option("d")))));
        assert!(matches!(args.value("d"), Err(Failure::Usage(e)) if e == "--d wants a value"));
        assert!(matches!(args.take(), Ok(None)));
    }

    #[test]
    fn times_have_a_unit_and_are_not_nothing() {
        for (text, expected) in [("500ms", 500), ("30s", 30_000), ("2m", 120_000)] {
            let parsed = duration(text.as_ref());
            assert!(
                matches!(parsed, Ok(time) if time == Duration::from_millis(expected)),
                "{text}"
            );
        }
        for text in ["", "5", "s", "0s", "-1s", "1h", "99999999999999999m", "1 s"] {
            assert!(duration(text.as_ref()).is_err(), "{text}");
        }
    }
}
