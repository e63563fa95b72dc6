//! Encodes a profile in the format of pprof: `profile.proto` of github.com/google/pprof.
//!
//! Texts, functions and locations are in tables, and everything else refers to them by number. The
//! numbers of fields are those of that file.

use crate::base::protobuf::Message;
use crate::profile::samples::{Frame, Kind, Sample};
use std::collections::HashMap;
use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// The number of the only mapping, the program.
const PROGRAM: u64 = 1;

/// Returns the bytes of a profile with these samples.
pub(super) fn encoded(kind: Kind, samples: &[Sample]) -> Vec<u8> {
    let mut texts = Texts::new();
    let mut tables = Tables::default();
    let mut whole = Message::new();
    let period = match kind {
        Kind::Goroutines => {
            whole.message(1, &value_type(&mut texts, "goroutine", "count"));
            1
        }
        Kind::Waits { period } => {
            whole.message(1, &value_type(&mut texts, "contentions", "count"));
            whole.message(1, &value_type(&mut texts, "delay", "nanoseconds"));
            period
        }
    };
    for sample in samples {
        let mut message = Message::new();
        let frames = sample.stack.frames.iter().rev();
        let locations: Vec<_> = frames
            .map(|frame| tables.location(frame, &mut texts))
            .collect();
        message.numbers(1, locations);
        match kind {
            Kind::Goroutines => message.numbers(2, [sample.count]),
            Kind::Waits { .. } => message.numbers(2, [sample.count, sample.nanoseconds]),
        };
        if let Some(wait) = sample.stack.wait {
            let mut label = Message::new();
            label
                .number(1, texts.number("wait"))
                .number(2, texts.number(wait));
            message.message(3, &label);
        }
        whole.message(2, &message);
    }
    whole.message(3, &mapping(&mut texts));
    for location in &tables.locations {
        whole.message(4, location);
    }
    for function in &tables.functions {
        whole.message(5, function);
    }
    let period_type = match kind {
        Kind::Goroutines => value_type(&mut texts, "goroutine", "count"),
        Kind::Waits { .. } => value_type(&mut texts, "delay", "nanoseconds"),
    };
    for text in &texts.sorted() {
        whole.text(6, text);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    whole
        .number(9, now.map_or(0, |now| now.as_nanos() as u64))
        .message(11, &period_type)
        .number(12, period);
    whole.as_bytes().to_vec()
}

fn value_type(texts: &mut Texts, what: &str, unit: &str) -> Message {
    let mut message = Message::new();
    message
        .number(1, texts.number(what))
        .number(2, texts.number(unit));
    message
}

/// Returns the mapping of the program. Its flags say that functions, files and lines need no
/// further look-up.
fn mapping(texts: &mut Texts) -> Message {
    let path = env::current_exe().unwrap_or_default();
    let mut message = Message::new();
    message
        .number(1, PROGRAM)
        .number(5, texts.number(&path.to_string_lossy()))
        .number(7, 1)
        .number(8, 1)
        .number(9, 1)
        .number(10, 1);
    message
}

/// The table of texts. Number 0 is the empty text.
struct Texts {
    numbers: HashMap<String, u64>,
}

impl Texts {
    fn new() -> Self {
        Self {
            numbers: HashMap::from([(String::new(), 0)]),
        }
    }

    fn number(&mut self, text: &str) -> u64 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.numbers.len() as u64;
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn sorted(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.numbers.iter().collect();
        all.sort_by_key(|(_, number)| **number);
        all.into_iter().map(|(text, _)| text.as_str()).collect()
    }
}

/// The tables of locations and functions. A location is a line of one function. Numbers begin at 1.
#[derive(Default)]
struct Tables<'a> {
    location_of: HashMap<&'a Frame, u64>,
    function_of: HashMap<(&'a str, &'a str), u64>,
    locations: Vec<Message>,
    functions: Vec<Message>,
}

impl<'a> Tables<'a> {
    fn location(&mut self, frame: &'a Frame, texts: &mut Texts) -> u64 {
        if let Some(&number) = self.location_of.get(frame) {
            return number;
        }
        let mut line = Message::new();
        line.number(1, self.function(frame, texts))
            .number(2, u64::from(frame.line));
        let number = self.locations.len() as u64 + 1;
        let mut message = Message::new();
        message
            .number(1, number)
            .number(2, PROGRAM)
            .message(4, &line);
        self.locations.push(message);
        self.location_of.insert(frame, number);
        number
    }

    fn function(&mut self, frame: &'a Frame, texts: &mut Texts) -> u64 {
        let key = (frame.function.as_str(), frame.file.as_str());
        if let Some(&number) = self.function_of.get(&key) {
            return number;
        }
        let name = texts.number(&frame.function);
        let number = self.functions.len() as u64 + 1;
        let mut message = Message::new();
        message
            .number(1, number)
            .number(2, name)
            .number(3, name)
            .number(4, texts.number(&frame.file));
        self.functions.push(message);
        self.function_of.insert(key, number);
        number
    }
}
