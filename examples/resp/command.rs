//! Executes commands.

use crate::store::{Bytes, Entry, Store, Value};
use crate::wire::{array, bulk, error, integer, simple};
use gort::prelude::*;
use std::collections::VecDeque;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NO_INTEGER: &str = "ERR value is not an integer or out of range";
const SYNTAX: &str = "ERR syntax error";

/// Whether the connection continues.
#[derive(PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    Quit,
}

/// The reason why a command fails, as text for the client.
type Wrong = &'static str;

/// Executes a command of at least one word, and adds its answer.
pub(crate) fn run(store: &Store, words: &[&[u8]], out: &mut Vec<u8>) -> Then {
    let mut name = [0; 16];
    let Some(name) = name.get_mut(..words[0].len()) else {
        error(out, "ERR unknown command");
        return Then::GoOn;
    };
    name.copy_from_slice(words[0]);
    name.make_ascii_uppercase();
    let before = out.len();
    let done = match (&*name, &words[1..]) {
        (b"PING", []) => {
            simple(out, "PONG");
            Ok(())
        }
        (b"PING" | b"ECHO", [text]) => {
            bulk(out, Some(text));
            Ok(())
        }
        (b"GET", [key]) => get(store, key, out),
        (b"SET", [key, value, options @ ..]) => set(store, key, value, options, out),
        (b"MGET", keys @ [_, ..]) => {
            array(out, keys.len());
            // A value that is a list counts as null here.
            keys.iter()
                .for_each(|key| get(store, key, out).unwrap_or_else(|_| bulk(out, None)));
            Ok(())
        }
        (b"MSET", pairs @ [_, _, ..]) if pairs.len().is_multiple_of(2) => {
            pairs
                .chunks(2)
                .for_each(|pair| put(store, pair[0], pair[1], None));
            simple(out, "OK");
            Ok(())
        }
        (b"DEL" | b"UNLINK", keys @ [_, ..]) => {
            let remove = |key: &&&[u8]| store.with(key, |entries| entries.remove(**key).is_some());
            integer(out, keys.iter().filter(remove).count() as i64);
            Ok(())
        }
        (b"EXISTS", keys @ [_, ..]) => {
            let is_there = |key: &&&[u8]| store.with(key, |entries| entries.contains_key(**key));
            integer(out, keys.iter().filter(is_there).count() as i64);
            Ok(())
        }
        (b"INCR", [key]) => add(store, key, 1, out),
        (b"DECR", [key]) => add(store, key, -1, out),
        (b"INCRBY", [key, n]) => number(n).and_then(|n| add(store, key, n, out)),
        (b"EXPIRE", [key, seconds]) => {
            number(seconds).map(|n| expire(store, key, n.saturating_mul(1_000), out))
        }
        (b"PEXPIRE", [key, millis]) => number(millis).map(|n| expire(store, key, n, out)),
        (b"TTL", [key]) => {
            integer(out, time_left(store, key, 1_000));
            Ok(())
        }
        (b"PTTL", [key]) => {
            integer(out, time_left(store, key, 1));
            Ok(())
        }
        (b"LPUSH", [key, values @ ..]) if !values.is_empty() => push(store, key, values, true, out),
        (b"RPUSH", [key, values @ ..]) if !values.is_empty() => {
            push(store, key, values, false, out)
        }
        (b"LPOP", [key]) => pop(store, key, true, out),
        (b"RPOP", [key]) => pop(store, key, false, out),
        (b"LLEN", [key]) => length(store, key, out),
        (b"LRANGE", [key, from, to]) => range(store, key, from, to, out),
        (b"DBSIZE", []) => {
            integer(out, store.len() as i64);
            Ok(())
        }
        (b"FLUSHALL" | b"FLUSHDB", _) => {
            store.clear();
            simple(out, "OK");
            Ok(())
        }
        (b"SELECT", [b"0"]) => {
            simple(out, "OK");
            Ok(())
        }
        // redis-cli and redis-benchmark ask this first.
        (b"COMMAND", _) | (b"CONFIG", [_, ..]) => {
            array(out, 0);
            Ok(())
        }
        (b"QUIT", _) => {
            simple(out, "OK");
            return Then::Quit;
        }
        (
            b"GET" | b"SET" | b"MGET" | b"MSET" | b"DEL" | b"UNLINK" | b"EXISTS" | b"INCR"
            | b"DECR" | b"INCRBY" | b"EXPIRE" | b"PEXPIRE" | b"TTL" | b"PTTL" | b"LPUSH" | b"RPUSH"
            | b"LPOP" | b"RPOP" | b"LLEN" | b"LRANGE" | b"PING" | b"ECHO",
            _,
        ) => Err("ERR wrong number of arguments"),
        _ => Err("ERR unknown command"),
    };
    if let Err(wrong) = done {
        out.truncate(before);
        error(out, wrong);
    }
    Then::GoOn
}

fn get(store: &Store, key: &[u8], out: &mut Vec<u8>) -> Result<(), Wrong> {
    store.with(key, |entries| {
        match entries.get(key).map(|entry| &entry.value) {
            None => {
                bulk(out, None);
                Ok(())
            }
            Some(Value::Text(text)) => {
                bulk(out, Some(text));
                Ok(())
            }
            Some(Value::List(_)) => Err(WRONG_TYPE),
        }
    })
}

fn set(
    store: &Store,
    key: &[u8],
    value: &[u8],
    mut options: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<(), Wrong> {
    let (mut until, mut if_there) = (None, None);
    while let [option, rest @ ..] = options {
        options = rest;
        let unit = match () {
            () if option.eq_ignore_ascii_case(b"NX") && if_there.is_none() => {
                if_there = Some(false);
                continue;
            }
            () if option.eq_ignore_ascii_case(b"XX") && if_there.is_none() => {
                if_there = Some(true);
                continue;
            }
            () if option.eq_ignore_ascii_case(b"EX") => 1_000,
            () if option.eq_ignore_ascii_case(b"PX") => 1,
            () => return Err(SYNTAX),
        };
        let [time, rest @ ..] = options else {
            return Err(SYNTAX);
        };
        options = rest;
        let millis = number(time)?.saturating_mul(unit);
        if millis <= 0 {
            return Err("ERR invalid expire time in 'set' command");
        }
        until = Instant::now().checked_add(Duration::from_millis(millis as u64));
    }
    let is_set = store.with(key, |entries| {
        let may = if_there.is_none_or(|wanted| wanted == entries.contains_key(key));
        if may {
            let value = Value::Text(value.into());
            put_entry(entries, key, Entry { value, until });
        }
        may
    });
    match is_set {
        true => simple(out, "OK"),
        false => bulk(out, None),
    }
    Ok(())
}

fn put(store: &Store, key: &[u8], value: &[u8], until: Option<Instant>) {
    let value = Value::Text(value.into());
    store.with(key, |entries| {
        put_entry(entries, key, Entry { value, until });
    });
}

/// Stores an entry under `key`. Copies the key only if it does not exist yet.
fn put_entry(entries: &mut crate::store::Entries, key: &[u8], new: Entry) {
    match entries.get_mut(key) {
        Some(entry) => *entry = new,
        None => drop(entries.insert(key.into(), new)),
    }
}

fn add(store: &Store, key: &[u8], n: i64, out: &mut Vec<u8>) -> Result<(), Wrong> {
    store.with(key, |entries| {
        let (old, until) = match entries.get(key) {
            None => (0, None),
            Some(Entry {
                value: Value::Text(text),
                until,
            }) => (number(text)?, *until),
            Some(_) => return Err(WRONG_TYPE),
        };
        let new = old.checked_add(n).ok_or(NO_INTEGER)?;
        let value = Value::Text(new.to_string().into_bytes().into());
        put_entry(entries, key, Entry { value, until });
        integer(out, new);
        Ok(())
    })
}

fn expire(store: &Store, key: &[u8], millis: i64, out: &mut Vec<u8>) {
    let known = store.with(key, |entries| {
        if millis <= 0 {
            return entries.remove(key).is_some();
        }
        entries.get_mut(key).is_some_and(|entry| {
            entry.until = Instant::now().checked_add(Duration::from_millis(millis as u64));
            true
        })
    });
    integer(out, i64::from(known));
}

/// Returns how much time a key has left, rounded, in units of `unit` milliseconds. Returns -1 if
/// the key has no time limit, and -2 if there is no such key.
fn time_left(store: &Store, key: &[u8], unit: i64) -> i64 {
    store.with(key, |entries| {
        match entries.get(key).map(|entry| entry.until) {
            None => -2,
            Some(None) => -1,
            Some(Some(until)) => {
                let millis = until.saturating_duration_since(Instant::now()).as_millis();
                (i64::try_from(millis)
                    .unwrap_or(i64::MAX)
                    .saturating_add(unit / 2))
                    / unit
            }
        }
    })
}

/// Calls `f` with the list of a key. If there is no such key, creates the list if `make` is set,
/// and returns `None` otherwise. Removes the key if `f` leaves the list empty.
fn with_list<R>(
    store: &Store,
    key: &[u8],
    make: bool,
    f: impl FnOnce(&mut VecDeque<Bytes>) -> R,
) -> Result<Option<R>, Wrong> {
    store.with(key, |entries| {
        if make && !entries.contains_key(key) {
            let value = Value::List(VecDeque::new());
            entries.insert(key.into(), Entry { value, until: None });
        }
        let Some(entry) = entries.get_mut(key) else {
            return Ok(None);
        };
        let Value::List(list) = &mut entry.value else {
            return Err(WRONG_TYPE);
        };
        let result = f(list);
        if list.is_empty() {
            entries.remove(key);
        }
        Ok(Some(result))
    })
}

fn push(
    store: &Store,
    key: &[u8],
    values: &[&[u8]],
    in_front: bool,
    out: &mut Vec<u8>,
) -> Result<(), Wrong> {
    let length = with_list(store, key, true, |list| {
        for value in values.iter().map(|&value| value.into()) {
            if in_front {
                list.push_front(value);
            } else {
                list.push_back(value);
            }
        }
        list.len()
    })?;
    integer(out, length.unwrap_or(0) as i64);
    Ok(())
}

fn pop(store: &Store, key: &[u8], in_front: bool, out: &mut Vec<u8>) -> Result<(), Wrong> {
    let popped = with_list(store, key, false, |list| match in_front {
        true => list.pop_front(),
        false => list.pop_back(),
    })?;
    bulk(out, popped.flatten().as_deref());
    Ok(())
}

fn length(store: &Store, key: &[u8], out: &mut Vec<u8>) -> Result<(), Wrong> {
    let length = with_list(store, key, false, |list| list.len())?;
    integer(out, length.unwrap_or(0) as i64);
    Ok(())
}

/// Answers with the values from index `from` to index `to`, both included. Negative indexes count
/// from the end.
fn range(
    store: &Store,
    key: &[u8],
    from: &[u8],
    to: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Wrong> {
    let (from, to) = (number(from)?, number(to)?);
    let found = with_list(store, key, false, |list| {
        let length = list.len() as i64;
        let index = |n: i64| if n < 0 { n + length } else { n };
        let begin = index(from).max(0);
        let end = (index(to).min(length - 1) + 1).max(begin.min(length));
        let begin = begin.min(end);
        array(out, (end - begin) as usize);
        list.range(begin as usize..end as usize)
            .for_each(|value| bulk(out, Some(value)));
    })?;
    if found.is_none() {
        array(out, 0);
    }
    Ok(())
}

fn number(text: &[u8]) -> Result<i64, Wrong> {
    let text = std::str::from_utf8(text).map_err(|_| NO_INTEGER)?;
    text.parse().map_err(|_| NO_INTEGER)
}
