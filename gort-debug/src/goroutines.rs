//! The state of every goroutine, and searching for goroutines.

use crate::json::{Maybe, Text};
use crate::site::NAME;
use gort::runtime::{GoroutineInfo, GoroutineState};
use gort_runtime::dump_some;
use std::fmt::Write as _;
use std::io::{self, Write};

/// A search for goroutines: for a word, or for all of them.
pub(crate) struct Search(String);

impl Search {
    /// Creates a search for `word`, in upper or lower case. An empty word finds all goroutines.
    pub(crate) fn new(word: &str) -> Self {
        Self(word.trim().to_lowercase())
    }

    /// Returns whether the search keeps all goroutines.
    pub(crate) fn is_for_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether `text` contains the word.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }

    /// Returns whether the goroutine's number, name, state, reason or source lines contain the
    /// word.
    pub(crate) fn keeps(&self, info: &GoroutineInfo) -> bool {
        if self.is_for_all() {
            return true;
        }
        let mut text = format!("{} {} {}", info.id, state(info), info.reason);
        if let Some(name) = &info.name {
            write!(text, " {name}").ok();
        }
        for place in [info.at, info.spawned_at].into_iter().flatten() {
            write!(text, " {place}").ok();
        }
        self.is_in(&text)
    }
}

/// Returns the word for a goroutine's state.
pub(crate) fn state(info: &GoroutineInfo) -> &'static str {
    match info.state {
        GoroutineState::Created => "created",
        GoroutineState::Runnable => "runnable",
        GoroutineState::Running => "running",
        GoroutineState::Waiting => "waiting",
        _ => "other",
    }
}

/// Returns whether the goroutine serves the page (or another page of this process).
pub(crate) fn is_own(info: &GoroutineInfo) -> bool {
    info.name.as_deref() == Some(NAME)
}

/// Writes every goroutine that `search` keeps as text.
pub(crate) fn write_text(out: &mut impl Write, search: &Search) -> io::Result<()> {
    writeln!(out, "The goroutines named {NAME:?} serve this page.")?;
    dump_some(out, |info| search.keeps(info))
}

/// Writes every goroutine that `search` keeps as JSON.
pub(crate) fn write_json(out: &mut impl Write, search: &Search) -> io::Result<()> {
    let all = gort::runtime::goroutines();
    out.write_all(b"{\"goroutines\":[")?;
    for (i, info) in all.iter().filter(|info| search.keeps(info)).enumerate() {
        let comma = if i > 0 { "," } else { "" };
        write!(
            out,
            "{comma}\n{{\"id\":{},\"name\":{},\"state\":\"{}\",\"reason\":{},\
             \"waiting_seconds\":{},\"at\":{},\"spawned_at\":{},\"own\":{}}}",
            info.id,
            Maybe(info.name.as_deref().map(Text)),
            state(info),
            Text(&info.reason.to_string()),
            info.since.as_secs_f64(),
            Place(info.at),
            Place(info.spawned_at),
            is_own(info),
        )?;
    }
    out.write_all(b"\n]}\n")
}

/// A source line. It is displayed as JSON.
pub(crate) struct Place(pub(crate) Option<&'static std::panic::Location<'static>>);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(place) => Text(&place.to_string()).fmt(f),
            None => f.write_str("null"),
        }
    }
}
