//! Reads a Perfetto trace: a decoder that shares no code with gort's encoder, and the tracks,
//! slices and events that a viewer makes of the packets.
//!
//! Like a viewer, it accepts fields and packets in any order and skips those that it does not know.
//! It panics on a broken packet (unless that is the last one and was cut off), an event on a track
//! that was not declared, a reference to a text that was not defined, and an end without a
//! beginning.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

/// One field of a message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Bytes(_) => panic!("bytes where a number should be"),
        }
    }

    fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => panic!("a number where bytes should be"),
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).expect("UTF-8")
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    panic!("a number of more than 10 bytes");
}

/// Returns the number of the next field and the field, or `None` if the bytes end before it does.
fn next<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let key = varint(bytes)?;
    let mut take = |n: usize| {
        let (taken, rest) = bytes.split_at_checked(n)?;
        *bytes = rest;
        Some(taken)
    };
    let field = match key & 7 {
        0 => Field::Number(varint(bytes)?),
        1 => Field::Number(u64::from_le_bytes(take(8)?.try_into().ok()?)),
        5 => Field::Number(u32::from_le_bytes(take(4)?.try_into().ok()?).into()),
        2 => {
            let len = varint(bytes)? as usize;
            let (taken, rest) = bytes.split_at_checked(len)?;
            *bytes = rest;
            Field::Bytes(taken)
        }
        other => panic!("wire type {other}"),
    };
    Some((key >> 3, field))
}

/// Returns all fields of a whole message.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.push(next(&mut bytes).expect("a message ends in the middle of a field"));
    }
    all
}

/// The annotations of an event: values by names.
pub type Annotations = BTreeMap<String, String>;

/// A track of a trace.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// Its name.
    pub name: String,
    /// The track above it.
    pub parent: u64,
}

/// A slice: a named interval on a track.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The number of its track.
    pub track: u64,
    /// Its name.
    pub name: String,
    /// When it begins, in nanoseconds.
    pub begin: u64,
    /// When it ends, or `None` if the trace ends before it does.
    pub end: Option<u64>,
    /// The number of slices around it.
    pub depth: usize,
    /// Its annotations.
    pub annotations: Annotations,
    /// The arrows that end where the slice begins.
    pub arrows: Vec<u64>,
}

/// An event without a length.
#[derive(Clone, Debug)]
pub struct Instant {
    /// The number of its track.
    pub track: u64,
    /// Its name.
    pub name: String,
    /// The time, in nanoseconds.
    pub time: u64,
    /// Its annotations.
    pub annotations: Annotations,
    /// The arrows that begin here.
    pub arrows: Vec<u64>,
}

/// A trace as a viewer sees it.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The tracks by their numbers.
    pub tracks: BTreeMap<u64, Track>,
    /// The slices in the order in which they begin.
    pub slices: Vec<Slice>,
    /// The indices of the slices on each track.
    places: BTreeMap<u64, Vec<usize>>,
    /// The instant events in their order.
    pub instants: Vec<Instant>,
    /// Whether the last packet was cut off.
    pub is_cut: bool,
}

#[derive(Debug)]
struct Event {
    time: u64,
    kind: u64,
    track: u64,
    name: String,
    annotations: Annotations,
    from: Vec<u64>,
    to: Vec<u64>,
}

/// Texts by their numbers: names of events, names of annotations, and values of annotations.
type Texts = [BTreeMap<u64, String>; 3];

impl Trace {
    /// Reads the trace in a file.
    ///
    /// # Panics
    /// Panics if the file cannot be read or is not a trace.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        Self::decode(&fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    /// Decodes the bytes of a trace.
    ///
    /// # Panics
    /// Panics if the bytes are not a trace.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Self {
        let mut trace = Self::default();
        let mut texts: BTreeMap<u64, Texts> = BTreeMap::new();
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let Some((number, packet)) = next(&mut bytes) else {
                trace.is_cut = true;
                break;
            };
            assert_eq!(number, 1, "a trace is a sequence of packets");
            trace.packet(packet.bytes(), &mut texts, &mut events);
        }
        events.sort_by_key(|event: &Event| event.time);
        trace.replay(events);
        trace
    }

    fn packet(&mut self, bytes: &[u8], texts: &mut BTreeMap<u64, Texts>, events: &mut Vec<Event>) {
        let (mut time, mut sequence, mut flags) = (0, None, 0);
        let (mut event, mut track, mut defined) = (None, None, None);
        for (number, field) in fields(bytes) {
            match number {
                8 => time = field.number(),
                10 => sequence = Some(field.number()),
                11 => event = Some(field.bytes()),
                12 => defined = Some(field.bytes()),
                13 => flags = field.number(),
                58 => panic!("a clock other than the default one"),
                60 => track = Some(field.bytes()),
                _ => {}
            }
        }
        let sequence = sequence.expect("a packet without a sequence");
        if flags & 1 != 0 {
            texts.insert(sequence, Texts::default());
        }
        let texts = texts
            .get_mut(&sequence)
            .expect("a sequence whose first packet does not clear the texts");
        for (number, field) in defined.map(fields).unwrap_or_default() {
            let table = match number {
                2 => 0,
                3 => 1,
                29 => 2,
                other => panic!("interned data of kind {other}"),
            };
            let all = fields(field.bytes());
            let iid = all
                .iter()
                .find(|(n, _)| *n == 1)
                .expect("a number")
                .1
                .number();
            let text = all.iter().find(|(n, _)| *n == 2).expect("a text").1.text();
            texts[table].insert(iid, text);
        }
        if let Some(track) = track {
            self.declare(track);
        }
        if let Some(event) = event {
            assert!(
                flags & 2 != 0,
                "an event that a viewer would skip: it does not say that it needs the earlier texts"
            );
            events.push(decode_event(time, event, texts));
        }
    }

    fn declare(&mut self, bytes: &[u8]) {
        let mut uuid = 0;
        let mut track = Track::default();
        for (number, field) in fields(bytes) {
            match number {
                1 => uuid = field.number(),
                2 => track.name = field.text(),
                5 => track.parent = field.number(),
                _ => {}
            }
        }
        let before = self.tracks.insert(uuid, track);
        assert!(
            before.is_none(),
            "a track that is declared twice: {before:?}"
        );
    }

    fn replay(&mut self, events: Vec<Event>) {
        let mut open: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for event in events {
            let track = event.track;
            assert!(
                self.tracks.contains_key(&track),
                "on a track that was not declared: {event:?}"
            );
            let stack = open.entry(track).or_default();
            match event.kind {
                1 => {
                    let depth = stack.len();
                    stack.push(self.slices.len());
                    self.places
                        .entry(track)
                        .or_default()
                        .push(self.slices.len());
                    self.slices.push(Slice {
                        track,
                        name: event.name,
                        begin: event.time,
                        end: None,
                        depth,
                        annotations: event.annotations,
                        arrows: event.to,
                    });
                }
                2 => {
                    let slice = stack.pop();
                    let slice =
                        slice.unwrap_or_else(|| panic!("an end without a beginning: {event:?}"));
                    self.slices[slice].end = Some(event.time);
                }
                3 => self.instants.push(Instant {
                    track,
                    name: event.name,
                    time: event.time,
                    annotations: event.annotations,
                    arrows: event.from,
                }),
                other => panic!("an event of type {other}"),
            }
        }
    }

    /// Returns the tracks below the one with this name, with their numbers.
    ///
    /// # Panics
    /// Panics if there is no such track.
    #[must_use]
    pub fn below(&self, name: &str) -> Vec<(u64, &Track)> {
        let mut named = self.tracks.iter().filter(|(_, track)| track.name == name);
        let (&parent, _) = named.next().unwrap_or_else(|| panic!("no track `{name}`"));
        let all = self.tracks.iter().map(|(&uuid, track)| (uuid, track));
        all.filter(|(_, track)| track.parent == parent).collect()
    }

    /// Returns the track of the goroutine with this name.
    ///
    /// # Panics
    /// Panics if there is no such track, or more than one.
    #[must_use]
    pub fn goroutine(&self, name: &str) -> u64 {
        let goroutines = self.below("goroutines");
        let mut named = goroutines
            .iter()
            .filter(|(_, track)| track.name.split(' ').nth(1) == Some(name));
        let (uuid, _) = named
            .next()
            .unwrap_or_else(|| panic!("no goroutine `{name}`"));
        assert!(named.next().is_none(), "two goroutines `{name}`");
        *uuid
    }

    /// Returns the slices on this track, in their order.
    #[must_use]
    pub fn on(&self, track: u64) -> Vec<&Slice> {
        let places = self.places.get(&track).into_iter().flatten();
        places.map(|&at| &self.slices[at]).collect()
    }

    /// Returns the wake-ups.
    #[must_use]
    pub fn wakes(&self) -> Vec<&Instant> {
        self.instants
            .iter()
            .filter(|it| it.name == "wake")
            .collect()
    }
}

fn decode_event(time: u64, bytes: &[u8], texts: &Texts) -> Event {
    let look_up = |table: usize, iid| {
        let text: Option<&String> = texts[table].get(&iid);
        text.unwrap_or_else(|| panic!("text {iid} of table {table} is not defined"))
            .clone()
    };
    let mut event = Event {
        time,
        kind: 0,
        track: 0,
        name: String::new(),
        annotations: Annotations::new(),
        from: Vec::new(),
        to: Vec::new(),
    };
    for (number, field) in fields(bytes) {
        match number {
            4 => {
                let (mut key, mut value) = (String::new(), String::new());
                for (number, field) in fields(field.bytes()) {
                    match number {
                        1 => key = look_up(1, field.number()),
                        3 => value = field.number().to_string(),
                        6 => value = field.text(),
                        17 => value = look_up(2, field.number()),
                        other => panic!("a value of kind {other}"),
                    }
                }
                event.annotations.insert(key, value);
            }
            9 => event.kind = field.number(),
            10 => event.name = look_up(0, field.number()),
            11 => event.track = field.number(),
            23 => event.name = field.text(),
            47 => event.from.push(field.number()),
            48 => event.to.push(field.number()),
            _ => {}
        }
    }
    event
}

/// A file for a trace, which is deleted when this value is dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Returns a path for a file that does not exist yet. `name`, the test's, is part of the file's
    /// name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let file = format!("gort-trace-{name}-{}.pftrace", process::id());
        Self(env::temp_dir().join(file))
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}
