//! Finds comments that should justify an `unsafe` block and do not.

use crate::sources::{Crate, File};

/// Comments that say nothing if they are the whole argument, in lower case and without the full
/// stop.
const EMPTY: [&str; 6] = [
    "caller's clause",
    "caller's clauses",
    "the caller's clause",
    "the caller's clauses",
    "as above",
    "see above",
];

/// Returns the comments of `krate` that leave the argument to the reader.
pub(crate) fn findings(krate: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    for (index, file) in krate.files.iter().enumerate() {
        for (line, argument) in arguments(file) {
            let bare = argument.to_lowercase();
            if EMPTY.contains(&bare.trim_end_matches('.')) {
                found.push(format!(
                    "{}:{line}: \"SAFETY: {argument}\" does not say which: name the clause or the fact",
                    krate.place(index)
                ));
            }
        }
    }
    found
}

/// Returns the text of each `SAFETY` comment, joined from its lines, and the number of its first
/// line.
fn arguments(file: &File) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(file.text.lines()) {
        let in_test = file
            .tests
            .iter()
            .any(|&(first, last)| (first..=last).contains(&number));
        if let Some((_, begin)) = line.split_once("// SAFETY:").filter(|_| !in_test) {
            found.push((number, begin.trim().to_owned()));
            goes_on = true;
        } else if let Some(more) = line.trim().strip_prefix("//").filter(|_| goes_on) {
            if let Some((_, argument)) = found.last_mut() {
                *argument = format!("{argument} {}", more.trim()).trim().to_owned();
            }
        } else {
            goes_on = false;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_comments_count() {
        let text = "// ARGUMENT: caller's clause.\n\
                    fn a() {}\n\
                    // ARGUMENT: as\n// ABOVE\n\
                    fn b() {}\n\
                    // ARGUMENT: As above, and the slot is ours.\n\
                    // ARGUMENT: caller's clause:\n// it owns the goroutine.\n\
                    fn c() {} // ARGUMENT: As above.\n\
                    // ARGUMENT:\n//\n// Caller's clauses.\n\
                    fn d() {}\n\
                    #[cfg(test)]\nmod tests {\n// ARGUMENT: as above.\n}\n";
        // clippy would take the real word for an argument of this test.
        let text = text.replace("ARGUMENT", "SAFETY");
        let krate = Crate::of("fixture", [("lib.rs".to_owned(), text)].into());
        let lines: Vec<_> = findings(&krate)
            .iter()
            .map(|f| f.split(':').nth(1).unwrap().to_owned())
            .collect();
        assert_eq!(lines, ["1", "3", "9", "10"]);
    }
}
