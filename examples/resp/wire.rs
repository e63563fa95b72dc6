//! Redis's protocol: parses commands into words, and writes answers.
//!
//! A command is an array of strings, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, or a line of words, for
//! people with telnet.

use std::io::Write;
use std::ops::Range;

/// Maximum number of words in a command.
const MOST_WORDS: usize = 1024 * 1024;
/// Maximum number of bytes in a word.
const LONGEST_WORD: usize = 16 * 1024 * 1024;
/// Maximum number of bytes in a line.
const LONGEST_LINE: usize = 64 * 1024;

/// The reason why the input is not a command, as text for the client. The connection ends after it.
pub(crate) type Nonsense = &'static str;

/// Parses the command at the beginning of `bytes`. Puts the places of its words into `words` and
/// returns its length, or `None` if it is incomplete. An empty line is a command without words.
pub(crate) fn command(
    bytes: &[u8],
    words: &mut Vec<Range<usize>>,
) -> Result<Option<usize>, Nonsense> {
    words.clear();
    if bytes.first() != Some(&b'*') {
        return inline(bytes, words);
    }
    let Some((count, mut at)) = number(
        bytes,
        1,
        MOST_WORDS,
        "Protocol error: invalid multibulk length",
    )?
    else {
        return Ok(None);
    };
    for _ in 0..count {
        match bytes.get(at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(_) => return Err("Protocol error: expected '$'"),
        }
        let Some((length, begin)) = number(
            bytes,
            at + 1,
            LONGEST_WORD,
            "Protocol error: invalid bulk length",
        )?
        else {
            return Ok(None);
        };
        let Some(end) = bytes.get(begin + length..begin + length + 2) else {
            return Ok(None);
        };
        if end != b"\r\n" {
            return Err("Protocol error: expected a line's end");
        }
        words.push(begin..begin + length);
        at = begin + length + 2;
    }
    Ok(Some(at))
}

/// Parses the number from `at` to the end of the line. Also returns where the next line begins.
fn number(
    bytes: &[u8],
    at: usize,
    most: usize,
    nonsense: Nonsense,
) -> Result<Option<(usize, usize)>, Nonsense> {
    let mut value = 0_usize;
    for (i, &byte) in bytes[at..].iter().enumerate() {
        match byte {
            b'0'..=b'9' if i < 10 => value = value * 10 + usize::from(byte - b'0'),
            b'\r' if i > 0 && value <= most => {
                return match bytes.get(at + i + 1) {
                    None => Ok(None),
                    Some(b'\n') => Ok(Some((value, at + i + 2))),
                    Some(_) => Err(nonsense),
                };
            }
            _ => return Err(nonsense),
        }
    }
    Ok(None)
}

fn inline(bytes: &[u8], words: &mut Vec<Range<usize>>) -> Result<Option<usize>, Nonsense> {
    let Some(end) = bytes.iter().take(LONGEST_LINE).position(|&b| b == b'\n') else {
        return match bytes.len() < LONGEST_LINE {
            true => Ok(None),
            false => Err("Protocol error: too big inline request"),
        };
    };
    let mut at = 0;
    for word in bytes[..end].split(|b| b.is_ascii_whitespace()) {
        if !word.is_empty() {
            words.push(at..at + word.len());
        }
        at += word.len() + 1;
    }
    Ok(Some(end + 1))
}

/// Writes `+OK` and the like.
pub(crate) fn simple(out: &mut Vec<u8>, text: &str) {
    line(out, b'+', text.as_bytes());
}

pub(crate) fn error(out: &mut Vec<u8>, text: &str) {
    line(out, b'-', text.as_bytes());
}

pub(crate) fn integer(out: &mut Vec<u8>, n: i64) {
    write!(out, ":{n}\r\n").ok();
}

/// Writes any bytes. `None` is null.
pub(crate) fn bulk(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        None => out.extend_from_slice(b"$-1\r\n"),
        Some(text) => {
            write!(out, "${}\r\n", text.len()).ok();
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Writes the head of an array. `length` answers follow, which form one answer.
pub(crate) fn array(out: &mut Vec<u8>, length: usize) {
    write!(out, "*{length}\r\n").ok();
}

fn line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    type Words<'a> = (Vec<&'a [u8]>, usize);

    fn words(text: &[u8]) -> Result<Option<Words<'_>>, Nonsense> {
        let mut ranges = Vec::new();
        let length = command(text, &mut ranges)?;
        let of = |ranges: Vec<Range<usize>>| ranges.into_iter().map(|range| &text[range]).collect();
        Ok(length.map(|length| (of(ranges), length)))
    }

    #[test]
    fn a_command_is_read_when_it_is_complete() {
        let text = b"*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n*1";
        for end in 0..text.len() - 2 {
            assert_eq!(words(&text[..end]), Ok(None), "{end}");
        }
        assert_eq!(
            words(text),
            Ok(Some((vec![&b"GET"[..], b"a\r\nb"], text.len() - 2)))
        );
    }

    #[test]
    fn people_write_lines() {
        assert_eq!(
            words(b"get  a \r\nx"),
            Ok(Some((vec![&b"get"[..], b"a"], 9)))
        );
        assert_eq!(words(b"\r\n"), Ok(Some((vec![], 2))));
        assert_eq!(words(b"get"), Ok(None));
        assert!(words(&[b'x'; LONGEST_LINE]).is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "*x\r\n",
            "*-1\r\n",
            "*\r\n",
            "*1\n",
            "*99999999999\r\n",
            "*1\r\nGET",
            "*1\r\n$-1\r\n",
            "*1\r\n$99999999\r\n",
            "*1\r\n$1\r\nabc",
        ] {
            assert!(words(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
