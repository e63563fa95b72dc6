//! Makes the profiles of waits from what was recorded.

use crate::profile::contention::{self, Recorded, WaitPlace};
use crate::profile::output::Profile;
use crate::profile::samples::{Frame, Kind, Sample, Stack};
use crate::profile::stacks;

/// Returns a profile of these waits. Needs more stack than a goroutine may have.
pub(super) fn profile(waits: &Recorded) -> Profile {
    let samples = waits.all().into_iter().map(|(place, waits)| Sample {
        stack: stack(&place),
        count: waits.count,
        nanoseconds: waits.nanoseconds,
    });
    let period = contention::rate();
    Profile::of(Kind::Waits { period }, samples)
}

fn stack(place: &WaitPlace) -> Stack {
    let mut frames = stacks::frames(&place.addresses);
    if frames.is_empty() {
        frames.push(match place.wait {
            Some((words, at)) => Frame::of_place(words, at),
            None => Frame::of_words("unlock"),
        });
    }
    Stack {
        frames,
        wait: place.wait.map(|(words, _)| words),
    }
}
