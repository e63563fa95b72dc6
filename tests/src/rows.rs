//! The catalogue of behaviours that gort is tested for: its groups and their rows.
//!
//! `tests/README.md` lists every row in one sentence, and a test names its rows in a comment.
//! `tests/rows.rs` compares the two.

use std::ops::RangeInclusive;

/// The groups and the numbers of their rows.
pub const GROUPS: [(&str, RangeInclusive<usize>); 47] = [
    ("CH", 1..=26),
    ("CL", 1..=20),
    ("TY", 1..=12),
    ("FI", 1..=5),
    ("SE", 1..=44),
    ("IT", 1..=4),
    ("GK", 1..=13),
    ("GO", 1..=16),
    ("PA", 1..=29),
    ("DL", 1..=15),
    ("SC", 1..=21),
    ("LT", 1..=12),
    ("ST", 1..=10),
    ("TI", 1..=26),
    ("RU", 1..=20),
    ("MU", 1..=11),
    ("RW", 1..=14),
    ("WG", 1..=9),
    ("ON", 1..=10),
    ("CO", 1..=9),
    ("SM", 1..=21),
    ("PM", 1..=6),
    ("CX", 1..=20),
    ("NP", 1..=18),
    ("UD", 1..=3),
    ("UX", 1..=5),
    ("PO", 1..=7),
    ("TS", 1..=10),
    ("TL", 1..=13),
    ("OS", 1..=5),
    ("NO", 1..=6),
    ("CC", 1..=8),
    ("WA", 1..=9),
    ("BR", 1..=8),
    ("SG", 1..=18),
    ("PR", 1..=10),
    ("SI", 1..=4),
    ("GL", 1..=9),
    ("FT", 1..=13),
    ("HK", 1..=4),
    ("JH", 1..=7),
    ("JS", 1..=10),
    ("TO", 1..=11),
    ("VT", 1..=21),
    ("EX", 1..=10),
    ("TR", 1..=7),
    ("DP", 1..=4),
];

/// Returns the ids of all rows, in the order of the catalogue.
pub fn all() -> impl Iterator<Item = String> {
    GROUPS
        .into_iter()
        .flat_map(|(group, numbers)| numbers.map(move |number| format!("{group}{number:02}")))
}

/// Returns the row ids in `text`: the letters of a group and two digits that form a word.
///
/// The number need not be one of the group's.
pub fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| {
            let known = GROUPS.iter().any(|(group, _)| word.starts_with(group));
            known && word.len() == 4 && word[2..].bytes().all(|b| b.is_ascii_digit())
        })
}
