//! The profile of goroutines.

use crate::api::goroutine::GoroutineId;
use crate::profile::output::Profile;
use crate::profile::samples::{Frame, Kind, Sample, Stack};
use crate::profile::stacks::{self, Addresses, StackReader};
use crate::report::list::{GoroutineInfo, GoroutineState, with_gs};
use std::collections::HashMap;

/// Returns a profile of all goroutines. `caller` is the goroutine that asks, with its stack. Needs
/// more stack than a goroutine may have.
pub(super) fn profile(caller: Option<(GoroutineId, Addresses)>) -> Profile {
    let all = with_gs();
    let mut reader = StackReader::new();
    // Many stacks are equal, and looking up names is expensive.
    let mut named: HashMap<Addresses, Vec<Frame>> = HashMap::new();
    let samples = all.iter().map(|(gp, info)| {
        let addresses = match &caller {
            Some((id, addresses)) if *id == info.id => addresses.clone(),
            _ => reader.stack_of(*gp, info),
        };
        let frames = named
            .entry(addresses)
            .or_insert_with_key(stacks::frames)
            .clone();
        Sample {
            stack: Stack {
                frames: if frames.is_empty() {
                    places(info)
                } else {
                    frames
                },
                wait: (info.state == GoroutineState::Waiting).then(|| info.reason.words()),
            },
            count: 1,
            nanoseconds: 0,
        }
    });
    Profile::of(Kind::Goroutines, samples)
}

/// Returns frames for a goroutine that has no stack, or whose stack cannot be read: the place where
/// it was spawned, and what it is doing.
fn places(info: &GoroutineInfo) -> Vec<Frame> {
    let spawned = info.spawned_at.map(|at| Frame::of_place("spawned", at));
    let doing = match (info.state, info.at) {
        (GoroutineState::Waiting, Some(at)) => Frame::of_place(info.reason.words(), at),
        (GoroutineState::Waiting, None) => Frame::of_words(info.reason.words()),
        (GoroutineState::Created, _) => Frame::of_words("created"),
        (GoroutineState::Runnable, _) => Frame::of_words("runnable"),
        (GoroutineState::Running, _) => Frame::of_words("running"),
    };
    spawned.into_iter().chain([doing]).collect()
}
