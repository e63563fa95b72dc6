//! Records waits for some seconds. The debug page has a button for this.

use crate::profile::contention::{rate, set_rate};
use crate::profile::output::Profile;
use crate::profile::samples::{Kind, Sample, Stack};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The rate at which waits are recorded while a window is open and the program has set no rate.
const RATE: u64 = 10_000;

/// The number of open windows, and whether the first of them has set the rate because it was 0.
static OPEN: Mutex<(usize, bool)> = Mutex::new((0, false));

/// A period in which waits are recorded.
#[doc(hidden)]
#[derive(Debug)]
pub struct ProfileWindow {
    profile: fn() -> Profile,
    before: Profile,
}

impl ProfileWindow {
    /// Opens a window: begins to record waits, unless they are being recorded already. `profile` is
    /// `block` or `mutex`.
    #[must_use]
    pub fn open(profile: fn() -> Profile) -> Self {
        let before = profile();
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if open.0 == 0 {
            open.1 = rate() == 0;
            if open.1 {
                set_rate(RATE);
            }
        }
        open.0 += 1;
        Self { profile, before }
    }

    /// Closes the window. Returns the waits that ended while it was open.
    #[must_use]
    pub fn close(self) -> Profile {
        difference((self.profile)(), &self.before)
    }
}

impl Drop for ProfileWindow {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.0 -= 1;
        // If the rate has another value, the program has set it.
        if *open == (0, true) && rate() == RATE {
            set_rate(0);
        }
    }
}

/// Returns what `now` has in addition to `before`.
fn difference(now: Profile, before: &Profile) -> Profile {
    let known: HashMap<&Stack, &Sample> = before.samples.iter().map(|s| (&s.stack, s)).collect();
    let kind = match now.kind {
        Kind::Waits { period: 0 } => Kind::Waits { period: RATE },
        kind => kind,
    };
    let samples = now.samples.into_iter().map(|mut sample| {
        if let Some(old) = known.get(&sample.stack) {
            sample.count = sample.count.saturating_sub(old.count);
            sample.nanoseconds = sample.nanoseconds.saturating_sub(old.nanoseconds);
        }
        sample
    });
    let fresh = samples.filter(|sample| sample.count > 0 || sample.nanoseconds > 0);
    Profile::of(kind, fresh)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::samples::Frame;

    fn profile(samples: &[(&str, u64, u64)]) -> Profile {
        let samples = samples.iter().map(|&(name, count, nanoseconds)| Sample {
            stack: Stack {
                frames: vec![Frame::of_words(name)],
                wait: None,
            },
            count,
            nanoseconds,
        });
        Profile::of(Kind::Waits { period: 1 }, samples)
    }

    #[test]
    fn what_was_there_before_does_not_count() {
        let before = profile(&[("a", 1, 10), ("b", 2, 20)]);
        let now = profile(&[("a", 4, 50), ("b", 2, 20), ("c", 1, 5)]);
        let mut text = Vec::new();
        let folded = difference(now, &before).folded(&mut text);
        assert!(folded.is_ok());
        assert_eq!(String::from_utf8_lossy(&text), "a 40\nc 5\n");
    }
}
