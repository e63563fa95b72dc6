//! `Profile`: samples, and writing them in two formats.

use crate::profile::pprof;
use crate::profile::samples::{Kind, Sample, merged};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Stacks, and how many goroutines have each or how long they waited there.
/// [`goroutines`](super::goroutines), [`block`](super::block) and [`mutex`](super::mutex) return
/// profiles.
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
    pub(super) samples: Vec<Sample>,
}

impl Profile {
    /// Creates a profile of these samples. Several of them may have equal stacks.
    pub(super) fn of(kind: Kind, samples: impl IntoIterator<Item = Sample>) -> Self {
        Self {
            kind,
            samples: merged(samples),
        }
    }

    /// Writes one line for each stack, in the format that flame graph tools read: the names of the
    /// functions, outermost first and separated by semicolons, then a space and the number. The
    /// number counts goroutines or nanoseconds.
    ///
    /// # Errors
    /// Returns the errors of `out`.
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
        // Stacks that differ only in their lines are equal here.
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
        lines.sort_by_key(|&(_, number)| std::cmp::Reverse(number));
        for (names, number) in lines {
            writeln!(out, "{names} {number}")?;
        }
        out.flush()
    }

    /// Writes the profile in the format of pprof (`profile.proto`, not compressed), for `go tool
    /// pprof` and other programs that read it. As in Go, a profile of waits has two numbers for
    /// each stack: how often goroutines waited there (`contentions`), and for how many nanoseconds
    /// (`delay`). The stack of a goroutine that waits has a label `wait`, with the words that dumps
    /// use.
    ///
    /// # Errors
    /// Returns the errors of `out`.
    ///
    /// # Examples
    /// ```
    /// let mut bytes = Vec::new();
    /// gort::runtime::profile::goroutines().pprof(&mut bytes)?;
    /// assert!(!bytes.is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pprof(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(&pprof::encoded(self.kind, &self.samples))?;
        out.flush()
    }
}

/// Returns a name without semicolons, which separate names in a line. Array types contain them.
fn folded_name(name: &str) -> String {
    name.replace(';', ":").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::samples::{Frame, Stack};

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
