//! Encodes Perfetto's packets: tracks, slices on them, and instant events.
//!
//! The field numbers are those of Perfetto's `trace_packet.proto`, `track_event.proto`,
//! `track_descriptor.proto`, `interned_data.proto` and `debug_annotation.proto`. All packets belong
//! to one sequence. So a text is defined once, and later packets refer to it by a number.

use super::proto::Encoder;
use super::quick::Quick;
use crate::proc::waitreason::WaitReason;
use std::collections::HashMap;
use std::panic::Location;
use std::ptr;

/// The sequence that all packets belong to.
const SEQUENCE: u64 = 1;
/// In `sequence_flags`: forget all earlier definitions.
const STATE_CLEARED: u64 = 1;
/// In `sequence_flags`: the packet refers to earlier definitions.
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
    /// In `CHILD_ORDERING`: children are ordered by their ranks.
    pub(super) const EXPLICIT: u64 = 3;
}

/// Words that every trace uses. The first packet defines all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Word {
    Running = 1,
    Runnable,
    Wake,
    Go,
    HandedOff,
    BlockingCall,
    // The names and values of annotations.
    Reason,
    At,
    StartedAt,
    StartedBy,
    Goroutine,
    Name,
    Waker,
    Woken,
    P,
    Runs,
    Parks,
    Yield,
    NoP,
}

/// The words, in the order of their numbers.
const WORDS: [(Word, &str); 19] = [
    (Word::Running, "running"),
    (Word::Runnable, "runnable"),
    (Word::Wake, "wake"),
    (Word::Go, "go"),
    (Word::HandedOff, "P handed off"),
    (Word::BlockingCall, "blocking call"),
    (Word::Reason, "reason"),
    (Word::At, "at"),
    (Word::StartedAt, "started at"),
    (Word::StartedBy, "started by"),
    (Word::Goroutine, "goroutine"),
    (Word::Name, "name"),
    (Word::Waker, "waker"),
    (Word::Woken, "woken"),
    (Word::P, "P"),
    (Word::Runs, "runs"),
    (Word::Parks, "parks"),
    (Word::Yield, "yield"),
    (Word::NoP, "no P"),
];

/// The number of the first wait reason, after those of the words.
const FIRST_REASON: u64 = 32;
/// The number of the first other text.
const FIRST_TEXT: u64 = FIRST_REASON + 256;

/// A text: the name of an event, or the value of an annotation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Text<'a> {
    Word(Word),
    Reason(WaitReason),
    Place(&'static Location<'static>),
    /// A text that occurs often: defined once, then referred to by a number.
    Often(&'a str),
    /// A text that is written out where it occurs.
    Once(&'a str),
}

/// The value of an annotation.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnnotationValue<'a> {
    Number(u64),
    Text(Text<'a>),
}

/// The annotations of an event: names and values.
pub(super) type Annotations<'a> = [(Word, AnnotationValue<'a>)];

/// Whether an arrow begins or ends at an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flow {
    None,
    From(u64),
    To(u64),
}

/// The kind of an event. The values are Perfetto's.
#[derive(Clone, Copy, Debug)]
enum Type {
    Begin = 1,
    End = 2,
    Instant = 3,
}

/// The numbers that have been given to texts, for one field of `InternedData`.
#[derive(Debug)]
struct Table {
    field: u32,
    reasons: [bool; 256],
    places: HashMap<usize, u64, Quick>,
    texts: HashMap<Box<str>, u64, Quick>,
}

impl Table {
    fn new(field: u32) -> Self {
        Self {
            field,
            reasons: [false; 256],
            places: HashMap::default(),
            texts: HashMap::default(),
        }
    }

    /// Returns the number of `text`, and writes its definition to `defined` if it is new. Returns
    /// `None` for a [`Text::Once`], which has no number.
    #[inline]
    fn number(&mut self, text: Text<'_>, defined: &mut Encoder) -> Option<u64> {
        match text {
            Text::Word(word) => Some(word as u64),
            Text::Reason(reason) => {
                let number = FIRST_REASON + reason as u64;
                if !std::mem::replace(&mut self.reasons[reason as usize & 0xff], true) {
                    define(defined, self.field, number, &reason.to_string());
                }
                Some(number)
            }
            Text::Place(place) => {
                let key = ptr::from_ref(place).addr();
                if let Some(&number) = self.places.get(&key) {
                    return Some(number);
                }
                let number = self.next();
                self.places.insert(key, number);
                define(defined, self.field, number, &place.to_string());
                Some(number)
            }
            Text::Often(text) => {
                if let Some(&number) = self.texts.get(text) {
                    return Some(number);
                }
                let number = self.next();
                self.texts.insert(text.into(), number);
                define(defined, self.field, number, text);
                Some(number)
            }
            Text::Once(_) => None,
        }
    }

    fn next(&self) -> u64 {
        FIRST_TEXT + (self.places.len() + self.texts.len()) as u64
    }
}

fn define(defined: &mut Encoder, field: u32, number: u64, text: &str) {
    defined.message(field, |out| {
        out.number(1, number);
        out.text(2, text);
    });
}

/// An encoder for the packets of one trace.
#[derive(Debug)]
pub(super) struct Packets {
    out: Vec<u8>,
    packet: Encoder,
    /// The `InternedData` that the next packet will define.
    defined: Encoder,
    names: Table,
    values: Table,
    has_begun: bool,
}

/// A name or a value in the form in which it is written.
#[derive(Clone, Copy)]
enum Ready<'a> {
    Iid(u64),
    Text(&'a str),
    Number(u64),
}

fn ready<'a>(table: &mut Table, defined: &mut Encoder, text: Text<'a>) -> Ready<'a> {
    match (table.number(text, defined), text) {
        (Some(iid), _) => Ready::Iid(iid),
        (None, Text::Once(text)) => Ready::Text(text),
        (None, _) => Ready::Text("?"),
    }
}

impl Packets {
    pub(super) fn new() -> Self {
        let mut defined = Encoder::new();
        for (word, text) in WORDS {
            for field in [
                interned::EVENT_NAMES,
                interned::DEBUG_ANNOTATION_NAMES,
                interned::DEBUG_ANNOTATION_STRING_VALUES,
            ] {
                define(&mut defined, field, word as u64, text);
            }
        }
        Self {
            out: Vec::new(),
            packet: Encoder::new(),
            defined,
            names: Table::new(interned::EVENT_NAMES),
            values: Table::new(interned::DEBUG_ANNOTATION_STRING_VALUES),
            has_begun: false,
        }
    }

    /// Returns the number of bytes of the packets since the last call of [`take`](Self::take).
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Returns the bytes of the packets since the last call. `room` is a buffer to reuse for the
    /// next ones.
    pub(super) fn take(&mut self, mut room: Vec<u8>) -> Vec<u8> {
        room.clear();
        std::mem::replace(&mut self.out, room)
    }

    #[inline(always)]
    fn packet(&mut self, time: u64, f: impl FnOnce(&mut Encoder)) {
        let cleared = if std::mem::replace(&mut self.has_begun, true) {
            0
        } else {
            STATE_CLEARED
        };
        let defined = &mut self.defined;
        self.packet.clear();
        self.packet.message(1, |out| {
            out.number(packet::TIMESTAMP, time);
            out.number(packet::SEQUENCE_ID, SEQUENCE);
            out.number(packet::SEQUENCE_FLAGS, NEEDS_STATE | cleared);
            if !defined.bytes().is_empty() {
                out.encoded(packet::INTERNED_DATA, defined.bytes());
                defined.clear();
            }
            f(out);
        });
        self.out.extend_from_slice(self.packet.bytes());
    }

    /// Writes the readings of several clocks at one moment. Each reading consists of Perfetto's
    /// number for the clock, and of the nanoseconds that the clock showed.
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
        name: Text<'_>,
        flow: Flow,
        annotations: &Annotations<'_>,
    ) {
        self.event(time, track, Type::Begin, Some(name), flow, annotations);
    }

    /// Ends the innermost slice that is open on the track.
    pub(super) fn end(&mut self, time: u64, track: u64) {
        self.event(time, track, Type::End, None, Flow::None, &[]);
    }

    /// Writes an instant event.
    pub(super) fn instant(
        &mut self,
        time: u64,
        track: u64,
        name: Text<'_>,
        flow: Flow,
        annotations: &Annotations<'_>,
    ) {
        self.event(time, track, Type::Instant, Some(name), flow, annotations);
    }

    #[inline]
    fn event(
        &mut self,
        time: u64,
        track: u64,
        kind: Type,
        name: Option<Text<'_>>,
        flow: Flow,
        annotations: &Annotations<'_>,
    ) {
        let name = name.map(|name| ready(&mut self.names, &mut self.defined, name));
        // No event has more than four annotations.
        let mut values = [Ready::Number(0); 4];
        debug_assert!(annotations.len() <= values.len(), "some would be left out");
        for (to, &(_, value)) in values.iter_mut().zip(annotations) {
            *to = match value {
                AnnotationValue::Number(number) => Ready::Number(number),
                AnnotationValue::Text(text) => ready(&mut self.values, &mut self.defined, text),
            };
        }
        self.packet(time, |out| {
            out.message(packet::TRACK_EVENT, |out| {
                out.number(event::TYPE, kind as u64);
                out.number(event::TRACK_UUID, track);
                match name {
                    Some(Ready::Iid(iid)) => out.number(event::NAME_IID, iid),
                    Some(Ready::Text(text)) => out.text(event::NAME, text),
                    Some(Ready::Number(_)) | None => {}
                }
                for (&(key, _), value) in annotations.iter().zip(values) {
                    out.message(event::DEBUG_ANNOTATIONS, |out| {
                        out.number(annotation::NAME_IID, key as u64);
                        match value {
                            Ready::Number(number) => out.number(annotation::UINT_VALUE, number),
                            Ready::Text(text) => out.text(annotation::STRING_VALUE, text),
                            Ready::Iid(iid) => out.number(annotation::STRING_VALUE_IID, iid),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_the_order_of_their_numbers() {
        for (i, (word, _)) in WORDS.iter().enumerate() {
            assert_eq!(*word as usize, i + 1);
        }
        assert!((WORDS.len() as u64) < FIRST_REASON);
    }
}
