//! `Profile`: stacks with numbers, and writing them as text.

use crate::profile::pprof;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::panic::Location;

/// Stacks, and how many goroutines have each or how long they waited there: what [`goroutines`](super::goroutines),
/// [`block`](super::block) and [`mutex`](super::mutex) return.
///
/// Frames of gort and of the standard library are left out at both ends of a stack.
///
/// ```
/// use gort::runtime::profile;
/// use std::fs::File;
///
/// # let dir = std::env::temp_dir();
/// let profile = profile::goroutines();
/// // For flame graphs: `inferno-flamegraph goroutines.folded`.
/// profile.folded(File::create(dir.join("goroutines.folded"))?)?;
/// // For `go tool pprof -http=: goroutines.pb`.
/// profile.pprof(File::create(dir.join("goroutines.pb"))?)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Profile {
    pub(super) kind: Kind,
    /// Those with most first.
    pub(super) samples: Vec<Sample>,
}

/// Of what a profile tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// How many goroutines there are.
    Goroutines,
    /// How often goroutines waited there, and for how many nanoseconds. `period`: one sample for so many.
    Waits { period: u64 },
}

/// A stack and its numbers.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) stack: Stack,
    pub(super) count: u64,
    /// 0 in a profile of goroutines.
    pub(super) nanoseconds: u64,
}

/// Where a goroutine is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Stack {
    /// Outermost first.
    pub(super) frames: Vec<Frame>,
    /// For what it waits, in the words of dumps.
    pub(super) wait: Option<&'static str>,
}

/// A function and a line in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Frame {
    pub(crate) function: String,
    /// Empty if it is not known.
    pub(crate) file: String,
    /// 0 if it is not known.
    pub(crate) line: u32,
}

impl Frame {
    /// What stands for a function that nobody knows: what is done at a place.
    pub(super) fn of_place(what: &str, at: &Location<'_>) -> Self {
        Self {
            function: format!("{what} at {at}"),
            file: at.file().to_owned(),
            line: at.line(),
        }
    }

    /// The same without a place.
    pub(super) fn of_words(what: &str) -> Self {
        Self {
            function: what.to_owned(),
            ..Self::default()
        }
    }
}

impl Profile {
    /// A profile of these samples, of which several may have equal stacks.
    pub(super) fn of(kind: Kind, samples: impl IntoIterator<Item = Sample>) -> Self {
        let mut sums: HashMap<Stack, (u64, u64)> = HashMap::new();
        for sample in samples {
            let sum = sums.entry(sample.stack).or_default();
            sum.0 = sum.0.saturating_add(sample.count);
            sum.1 = sum.1.saturating_add(sample.nanoseconds);
        }
        let mut samples: Vec<_> = sums
            .into_iter()
            .map(|(stack, (count, nanoseconds))| Sample {
                stack,
                count,
                nanoseconds,
            })
            .collect();
        samples.sort_by(|a, b| {
            let most_first = (b.nanoseconds, b.count).cmp(&(a.nanoseconds, a.count));
            most_first.then_with(|| a.stack.cmp(&b.stack))
        });
        Self { kind, samples }
    }

    /// Writes one line for each stack, in the form that flame graph tools read: the names of the functions, outermost
    /// first, with semicolons between them, then a space and the number. The number is that of goroutines, or of
    /// nanoseconds.
    ///
    /// # Errors
    /// Those of `out`.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    ///
    /// fn wait_for_work(jobs: &Receiver<u32>) {
    ///     while jobs.recv().is_ok() {}
    /// }
    ///
    /// let (tx, rx) = bounded(0);
    /// let pool: Vec<_> = (0..3).map(|_| go!(clone [rx]; { wait_for_work(&rx) })).collect();
    /// let mut text = Vec::new();
    /// gort::runtime::profile::goroutines().folded(&mut text)?;
    /// // `program::main::{{closure}};program::wait_for_work 3`, if all of them wait already.
    /// println!("{}", String::from_utf8_lossy(&text));
    /// drop(tx);
    /// # pool.into_iter().for_each(|one| one.join().unwrap());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn folded(&self, mut out: impl Write) -> io::Result<()> {
        // Stacks that differ in lines only are equal here.
        let mut lines: BTreeMap<String, u64> = BTreeMap::new();
        for sample in &self.samples {
            let names = sample
                .stack
                .frames
                .iter()
                .map(|frame| folded_name(&frame.function));
            let line = lines
                .entry(names.collect::<Vec<_>>().join(";"))
                .or_default();
            *line = line.saturating_add(match self.kind {
                Kind::Goroutines => sample.count,
                Kind::Waits { .. } => sample.nanoseconds,
            });
        }
        let mut lines: Vec<_> = lines.into_iter().collect();
        lines.sort_by(|a, b| b.1.cmp(&a.1));
        for (names, number) in lines {
            writeln!(out, "{names} {number}")?;
        }
        out.flush()
    }

    /// Writes the profile in the form of pprof (`profile.proto`, not compressed), for `go tool pprof` and whatever else
    /// reads that. Profiles of waits have two numbers for each stack, as Go's: how often goroutines waited there
    /// (`contentions`), and for how many nanoseconds (`delay`). Stacks of goroutines that wait have a label `wait`, with
    /// the words that dumps use.
    ///
    /// # Errors
    /// Those of `out`.
    ///
    /// # Examples
    /// ```
    /// let mut bytes = Vec::new();
    /// gort::runtime::profile::goroutines().pprof(&mut bytes)?;
    /// assert!(!bytes.is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pprof(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(&pprof::encoded(self))?;
        out.flush()
    }
}

/// A name as it may stand in a line: semicolons, which types of arrays have, separate names there.
fn folded_name(name: &str) -> String {
    name.replace(';', ":").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(functions: &[&str], line: u32, count: u64, nanoseconds: u64) -> Sample {
        let frame = |function: &&str| Frame {
            function: (*function).into(),
            file: "main.rs".into(),
            line,
        };
        let frames = functions.iter().map(frame).collect();
        Sample {
            stack: Stack { frames, wait: None },
            count,
            nanoseconds,
        }
    }

    fn folded(profile: &Profile) -> String {
        let mut text = Vec::new();
        profile.folded(&mut text).expect("to a Vec");
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn equal_stacks_are_one_sample_and_equal_names_one_line() {
        let profile = Profile::of(
            Kind::Goroutines,
            [
                sample(&["main", "f"], 1, 1, 0),
                sample(&["main", "g"], 1, 3, 0),
                sample(&["main", "f"], 1, 1, 0),
                sample(&["main", "f"], 2, 2, 0),
            ],
        );
        assert_eq!(profile.samples.len(), 3);
        assert_eq!(folded(&profile), "main;f 4\nmain;g 3\n");
    }

    #[test]
    fn waits_are_counted_in_nanoseconds_and_a_name_is_one_frame() {
        let profile = Profile::of(
            Kind::Waits { period: 1 },
            [
                sample(&["<[u8; 4] as T>::f"], 1, 100, 5),
                sample(&["g"], 1, 1, 7),
            ],
        );
        assert_eq!(folded(&profile), "g 7\n<[u8: 4] as T>::f 5\n");
    }
}
