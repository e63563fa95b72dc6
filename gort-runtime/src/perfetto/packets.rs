//! Perfetto's packets: tracks, slices on them, and events without a length.
//!
//! Numbers of fields are those of Perfetto's `trace_packet.proto`, `track_event.proto`, `track_descriptor.proto`,
//! `interned_data.proto`, `debug_annotation.proto`. All packets are of one sequence, so a text is defined once and referred
//! to by a number from then on.

use super::proto::Encoder;
use std::collections::HashMap;
use std::hash::Hash;

/// The sequence that all packets belong to.
const SEQUENCE: u64 = 1;
/// In `sequence_flags`: nothing that came before counts.
const STATE_CLEARED: u64 = 1;
/// In `sequence_flags`: the packet uses what was defined before.
const NEEDS_STATE: u64 = 2;

/// Fields of a `TracePacket`.
mod packet {
    pub(super) const CLOCK_SNAPSHOT: u32 = 6;
    pub(super) const TIMESTAMP: u32 = 8;
    pub(super) const SEQUENCE_ID: u32 = 10;
    pub(super) const TRACK_EVENT: u32 = 11;
    pub(super) const INTERNED_DATA: u32 = 12;
    pub(super) const SEQUENCE_FLAGS: u32 = 13;
    pub(super) const TRACK_DESCRIPTOR: u32 = 60;
}

/// Fields of a `TrackEvent`.
mod event {
    pub(super) const DEBUG_ANNOTATIONS: u32 = 4;
    pub(super) const TYPE: u32 = 9;
    pub(super) const NAME_IID: u32 = 10;
    pub(super) const TRACK_UUID: u32 = 11;
    pub(super) const NAME: u32 = 23;
    pub(super) const FLOW_IDS: u32 = 47;
    pub(super) const TERMINATING_FLOW_IDS: u32 = 48;
}

/// Fields of a `DebugAnnotation`.
mod annotation {
    pub(super) const NAME_IID: u32 = 1;
    pub(super) const UINT_VALUE: u32 = 3;
    pub(super) const STRING_VALUE: u32 = 6;
    pub(super) const STRING_VALUE_IID: u32 = 17;
}

/// Fields of `InternedData`.
mod interned {
    pub(super) const EVENT_NAMES: u32 = 2;
    pub(super) const DEBUG_ANNOTATION_NAMES: u32 = 3;
    pub(super) const DEBUG_ANNOTATION_STRING_VALUES: u32 = 29;
}

/// Fields of a `TrackDescriptor`.
mod track {
    pub(super) const UUID: u32 = 1;
    pub(super) const NAME: u32 = 2;
    pub(super) const PROCESS: u32 = 3;
    pub(super) const PARENT_UUID: u32 = 5;
    pub(super) const CHILD_ORDERING: u32 = 11;
    pub(super) const SIBLING_ORDER_RANK: u32 = 12;
    /// In `CHILD_ORDERING`: by their ranks.
    pub(super) const EXPLICIT: u64 = 3;
}

/// What an event is called.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'a> {
    /// Occurs often: defined once.
    Often(&'a str),
    /// Occurs now and then.
    Rarely(&'a str),
}

/// What an event says beside its name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Number(u64),
    /// Occurs often: defined once.
    Often(&'a str),
    Rarely(&'a str),
}

/// Beside what an arrow begins or ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flow {
    None,
    From(u64),
    To(u64),
}

/// The kind of an event, with Perfetto's numbers.
#[derive(Clone, Copy, Debug)]
enum Type {
    Begin = 1,
    End = 2,
    Instant = 3,
}

/// Texts with numbers.
#[derive(Debug, Default)]
struct Table<K>(HashMap<K, u64>);

impl<K: Hash + Eq + Clone + for<'a> From<&'a str> + std::borrow::Borrow<str>> Table<K> {
    /// Returns the text's number, and whether it is new.
    fn number(&mut self, text: &str) -> (u64, bool) {
        if let Some(&iid) = self.0.get(text) {
            return (iid, false);
        }
        let iid = self.0.len() as u64 + 1;
        self.0.insert(text.into(), iid);
        (iid, true)
    }
}

/// A trace, packet by packet.
#[derive(Debug, Default)]
pub(super) struct Packets {
    out: Encoder,
    names: Table<Box<str>>,
    annotations: Table<Box<str>>,
    values: Table<Box<str>>,
    /// `InternedData` that the packet under way defines.
    defined: Encoder,
    has_begun: bool,
}

/// The numbers of the texts in an event.
#[derive(Clone, Copy)]
enum Numbered<'a> {
    Iid(u64),
    Text(&'a str),
    Number(u64),
}

impl Packets {
    /// Returns the bytes of the packets so far. `room` is for the next ones.
    pub(super) fn take(&mut self, mut room: Vec<u8>) -> Vec<u8> {
        room.clear();
        self.out.take(room)
    }

    fn packet(&mut self, time: u64, f: impl FnOnce(&mut Encoder)) {
        let first = !std::mem::replace(&mut self.has_begun, true);
        let mut defined = self.defined.take(Vec::new());
        self.out.message(1, |out| {
            out.number(packet::TIMESTAMP, time);
            out.number(packet::SEQUENCE_ID, SEQUENCE);
            let cleared = if first { STATE_CLEARED } else { 0 };
            out.number(packet::SEQUENCE_FLAGS, NEEDS_STATE | cleared);
            if !defined.is_empty() {
                out.encoded(packet::INTERNED_DATA, &mut defined);
            }
            f(out);
        });
        // Not to allocate for each: most define nothing.
        self.defined.take(defined);
    }

    /// Writes what three clocks read at one moment: pairs of Perfetto's number of a clock and nanoseconds.
    pub(super) fn clocks(&mut self, time: u64, readings: &[(u64, u64)]) {
        self.packet(time, |out| {
            out.message(packet::CLOCK_SNAPSHOT, |out| {
                for &(clock, ns) in readings {
                    out.message(1, |out| {
                        out.number(1, clock);
                        out.number(2, ns);
                    });
                }
            });
        });
    }

    /// Declares the track of the process.
    pub(super) fn process(&mut self, time: u64, uuid: u64, pid: u64, name: &str) {
        self.packet(time, |out| {
            out.message(packet::TRACK_DESCRIPTOR, |out| {
                out.number(track::UUID, uuid);
                out.message(track::PROCESS, |out| {
                    out.number(1, pid);
                    out.text(6, name);
                });
                out.number(track::CHILD_ORDERING, track::EXPLICIT);
            });
        });
    }

    /// Declares a track below `parent`.
    pub(super) fn track(&mut self, time: u64, uuid: u64, parent: u64, rank: u64, name: &str) {
        self.packet(time, |out| {
            out.message(packet::TRACK_DESCRIPTOR, |out| {
                out.number(track::UUID, uuid);
                out.number(track::PARENT_UUID, parent);
                out.text(track::NAME, name);
                out.number(track::CHILD_ORDERING, track::EXPLICIT);
                out.number(track::SIBLING_ORDER_RANK, rank);
            });
        });
    }

    /// Begins a slice.
    pub(super) fn begin(
        &mut self,
        time: u64,
        track: u64,
        name: Name<'_>,
        flow: Flow,
        says: &[(&str, Value<'_>)],
    ) {
        self.event(time, track, Type::Begin, Some(name), flow, says);
    }

    /// Ends the innermost slice that is open on the track.
    pub(super) fn end(&mut self, time: u64, track: u64) {
        self.event(time, track, Type::End, None, Flow::None, &[]);
    }

    /// Writes an event without a length.
    pub(super) fn instant(
        &mut self,
        time: u64,
        track: u64,
        name: Name<'_>,
        flow: Flow,
        says: &[(&str, Value<'_>)],
    ) {
        self.event(time, track, Type::Instant, Some(name), flow, says);
    }

    fn event(
        &mut self,
        time: u64,
        track: u64,
        kind: Type,
        name: Option<Name<'_>>,
        flow: Flow,
        says: &[(&str, Value<'_>)],
    ) {
        let name = name.map(|name| match name {
            Name::Often(text) => Numbered::Iid(define(
                &mut self.defined,
                &mut self.names,
                interned::EVENT_NAMES,
                text,
            )),
            Name::Rarely(text) => Numbered::Text(text),
        });
        // No event says more than this.
        let mut numbered = [(0, Numbered::Number(0)); 4];
        for (to, &(key, value)) in numbered.iter_mut().zip(says) {
            let key = define(
                &mut self.defined,
                &mut self.annotations,
                interned::DEBUG_ANNOTATION_NAMES,
                key,
            );
            let value = match value {
                Value::Number(number) => Numbered::Number(number),
                Value::Rarely(text) => Numbered::Text(text),
                Value::Often(text) => Numbered::Iid(define(
                    &mut self.defined,
                    &mut self.values,
                    interned::DEBUG_ANNOTATION_STRING_VALUES,
                    text,
                )),
            };
            *to = (key, value);
        }
        debug_assert!(says.len() <= numbered.len(), "some would be left out");
        self.packet(time, |out| {
            out.message(packet::TRACK_EVENT, |out| {
                out.number(event::TYPE, kind as u64);
                out.number(event::TRACK_UUID, track);
                match name {
                    Some(Numbered::Iid(iid)) => out.number(event::NAME_IID, iid),
                    Some(Numbered::Text(text)) => out.text(event::NAME, text),
                    Some(Numbered::Number(_)) | None => {}
                }
                for &(key, value) in numbered.iter().take(says.len()) {
                    out.message(event::DEBUG_ANNOTATIONS, |out| {
                        out.number(annotation::NAME_IID, key);
                        match value {
                            Numbered::Number(number) => out.number(annotation::UINT_VALUE, number),
                            Numbered::Text(text) => out.text(annotation::STRING_VALUE, text),
                            Numbered::Iid(iid) => out.number(annotation::STRING_VALUE_IID, iid),
                        }
                    });
                }
                match flow {
                    Flow::None => {}
                    Flow::From(id) => out.fixed(event::FLOW_IDS, id),
                    Flow::To(id) => out.fixed(event::TERMINATING_FLOW_IDS, id),
                }
            });
        });
    }
}

/// Returns the number of `text` in `table`, whose field is `field`; defines it in the next packet if it is new.
fn define(defined: &mut Encoder, table: &mut Table<Box<str>>, field: u32, text: &str) -> u64 {
    let (iid, is_new) = table.number(text);
    if is_new {
        defined.message(field, |out| {
            out.number(1, iid);
            out.text(2, text);
        });
    }
    iid
}
