//! Decodes profiles in the format of `profile.proto`. The decoder follows the format's
//! specification, and shares no code with the encoder.

use std::collections::HashMap;

/// A profile, as a reader sees it.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    /// What is counted, and in what unit.
    pub(crate) kinds: Vec<(String, String)>,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    /// Function, file and line, innermost first.
    pub(crate) frames: Vec<(String, String, u64)>,
    pub(crate) values: Vec<u64>,
    pub(crate) label: Option<(String, String)>,
}

/// A value of a field: a number, or bytes.
#[derive(Clone, Debug)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, in their order.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (&byte, rest) = self.0.split_first().expect("a number is cut off");
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        unreachable!()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let key = self.varint();
        let value = match key & 7 {
            0 => Value::Number(self.varint()),
            2 => {
                let len = self.varint() as usize;
                let (bytes, rest) = self.0.split_at(len);
                self.0 = rest;
                Value::Bytes(bytes)
            }
            kind => panic!("a field of kind {kind}"),
        };
        Some((key >> 3, value))
    }
}

/// The fields of a message by number.
fn fields(bytes: &[u8]) -> HashMap<u64, Vec<Value<'_>>> {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for (number, value) in Fields(bytes) {
        all.entry(number).or_default().push(value);
    }
    all
}

fn numbers(of: &HashMap<u64, Vec<Value<'_>>>, field: u64) -> Vec<u64> {
    let mut all = Vec::new();
    for value in of.get(&field).into_iter().flatten() {
        match value {
            Value::Number(number) => all.push(*number),
            Value::Bytes(bytes) => {
                let mut packed = Fields(bytes);
                while !packed.0.is_empty() {
                    all.push(packed.varint());
                }
            }
        }
    }
    all
}

fn number(of: &HashMap<u64, Vec<Value<'_>>>, field: u64) -> u64 {
    numbers(of, field).pop().unwrap_or(0)
}

fn messages<'a>(of: &HashMap<u64, Vec<Value<'a>>>, field: u64) -> Vec<&'a [u8]> {
    let all = of.get(&field).into_iter().flatten();
    all.map(|value| match value {
        Value::Bytes(bytes) => *bytes,
        Value::Number(_) => panic!("field {field} is a number"),
    })
    .collect()
}

impl Decoded {
    /// Decodes a profile. Panics if one of its references leads nowhere.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let whole = fields(bytes);
        let texts: Vec<String> = messages(&whole, 6)
            .into_iter()
            .map(|text| String::from_utf8(text.to_vec()).expect("text"))
            .collect();
        assert_eq!(texts[0], "", "the first text must be empty");
        let text =
            |of: &HashMap<u64, Vec<Value<'_>>>, field| texts[number(of, field) as usize].clone();
        let by_id = |field| -> HashMap<u64, HashMap<u64, Vec<Value<'_>>>> {
            let all = messages(&whole, field).into_iter().map(fields);
            all.map(|fields| (number(&fields, 1), fields)).collect()
        };
        let (mappings, locations, functions) = (by_id(3), by_id(4), by_id(5));
        assert!(!locations.contains_key(&0) && !functions.contains_key(&0));
        let frame = |id: u64| {
            let location = &locations[&id];
            assert!(mappings.contains_key(&number(location, 2)));
            let line = fields(messages(location, 4)[0]);
            let function = &functions[&number(&line, 1)];
            (text(function, 2), text(function, 4), number(&line, 2))
        };
        let kinds: Vec<_> = messages(&whole, 1)
            .into_iter()
            .map(fields)
            .map(|kind| (text(&kind, 1), text(&kind, 2)))
            .collect();
        let samples = messages(&whole, 2).into_iter().map(fields).map(|sample| {
            let values = numbers(&sample, 2);
            assert_eq!(values.len(), kinds.len(), "a number for each kind");
            Sample {
                frames: numbers(&sample, 1).into_iter().map(frame).collect(),
                values,
                label: messages(&sample, 3)
                    .first()
                    .map(|label| fields(label))
                    .map(|label| (text(&label, 1), text(&label, 2))),
            }
        });
        let samples = samples.collect();
        Self { kinds, samples }
    }
}
