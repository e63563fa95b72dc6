//! Keeps track of the slices that are open on the tracks of goroutines and Ps.
//!
//! The track of a goroutine has a slice for each of the goroutine's states: `running`, `runnable`,
//! or the name of what it waits for. The slices of its regions enclose these slices: when a region
//! begins or ends, the inner slice ends and a new one begins. So a region is one slice, however
//! often the goroutine waits in it. The track of a P has a slice for each run.
//!
//! Every slice that begins also ends, even after events were lost. A goroutine's next state closes
//! the slice that was open on its track, and a P's next run ends the previous one.

use super::packets::{AnnotationValue, Annotations, Flow, Packets, Text, Word};
use super::quick::Quick;
use crate::proc::waitreason::WaitReason;
use crate::traced::event::{NO_P, TraceEvent};
use std::collections::{BTreeMap, HashMap};

/// The numbers of tracks.
pub(super) mod track {
    pub(in crate::perfetto) const PROCESS: u64 = 1;
    pub(in crate::perfetto) const PS: u64 = 2;
    pub(in crate::perfetto) const GOROUTINES: u64 = 3;
    pub(in crate::perfetto) const TRACE: u64 = 4;
    pub(in crate::perfetto) const TIMERS: u64 = 5;
    pub(in crate::perfetto) const NETWORK: u64 = 6;
    pub(in crate::perfetto) const THREADS: u64 = 7;
    const FIRST_P: u64 = 16;
    const FIRST_GOROUTINE: u64 = 4096;

    pub(in crate::perfetto) fn of_p(p: u16) -> u64 {
        FIRST_P + u64::from(p)
    }

    pub(in crate::perfetto) fn of_goroutine(id: u64) -> u64 {
        FIRST_GOROUTINE + id
    }
}

/// What a goroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// The state is not known, and no slice is open.
    Unknown,
    Running,
    Runnable,
    Waiting(WaitReason),
}

/// What the trace knows about a goroutine.
#[derive(Debug)]
pub(super) struct TracedGoroutine {
    /// The goroutine's name on other tracks.
    pub(super) label: Box<str>,
    pub(super) doing: Doing,
    /// The times at which the open regions began, outermost first.
    regions: Vec<u64>,
    /// The event of a park that is held back (`story.rs`).
    pub(super) parks: Option<TraceEvent>,
}

/// All goroutines and Ps that the trace knows, and the packets about them.
#[derive(Debug)]
pub(super) struct Slices {
    pub(super) packets: Packets,
    /// When the trace began or, if there was a gap, when the last gap ended. What a goroutine did
    /// before its first event is shown from here on.
    pub(super) start: u64,
    pub(super) goroutines: HashMap<u64, TracedGoroutine, Quick>,
    /// The goroutine that each P runs.
    ps: BTreeMap<u16, Option<u64>>,
}

impl Slices {
    /// Declares the tracks that every trace has.
    pub(super) fn new(mut packets: Packets, start: u64, program: &str, pid: u64) -> Self {
        packets.process(start, track::PROCESS, pid, program);
        let below = [
            (track::PS, "Ps"),
            (track::GOROUTINES, "goroutines"),
            (track::TIMERS, "timers"),
            (track::NETWORK, "network"),
            (track::THREADS, "other threads"),
            (track::TRACE, "trace"),
        ];
        for (rank, (uuid, name)) in below.into_iter().enumerate() {
            packets.track(start, uuid, track::PROCESS, rank as u64, name);
        }
        Self {
            packets,
            start,
            goroutines: HashMap::default(),
            ps: BTreeMap::new(),
        }
    }

    /// Declares the track of a goroutine.
    pub(super) fn declare(&mut self, id: u64, label: &str, title: &str) {
        let (start, uuid) = (self.start, track::of_goroutine(id));
        self.packets
            .track(start, uuid, track::GOROUTINES, id, title);
        let known = TracedGoroutine {
            label: label.into(),
            doing: Doing::Unknown,
            regions: Vec::new(),
            parks: None,
        };
        self.goroutines.insert(id, known);
    }

    /// Ends the goroutine's current state and begins the state `doing`.
    pub(super) fn does(
        &mut self,
        time: u64,
        id: u64,
        doing: Doing,
        flow: Flow,
        annotations: &Annotations<'_>,
    ) {
        let Some(known) = self.goroutines.get_mut(&id) else {
            return;
        };
        let track = track::of_goroutine(id);
        if known.doing != Doing::Unknown {
            self.packets.end(time, track);
        }
        known.doing = doing;
        let name = match doing {
            Doing::Unknown => return,
            Doing::Running => Text::Word(Word::Running),
            Doing::Runnable => Text::Word(Word::Runnable),
            Doing::Waiting(reason) => Text::Reason(reason),
        };
        self.packets.begin(time, track, name, flow, annotations);
    }

    /// Begins a region around the current state of the running goroutine.
    pub(super) fn enter(&mut self, time: u64, id: u64, name: Text<'_>) {
        self.does(time, id, Doing::Unknown, Flow::None, &[]);
        if let Some(known) = self.goroutines.get_mut(&id) {
            known.regions.push(time);
            let track = track::of_goroutine(id);
            self.packets.begin(time, track, name, Flow::None, &[]);
            self.does(time, id, Doing::Running, Flow::None, &[]);
        }
    }

    /// Ends the region of the running goroutine that began at `began`, and the regions inside it
    /// whose ends are missing.
    pub(super) fn leave(&mut self, time: u64, id: u64, began: u64) {
        let regions = self.goroutines.get(&id).map(|known| &known.regions);
        // If there is no such region, its end has been seen already.
        if let Some(at) = regions.and_then(|all| all.iter().position(|&region| region == began)) {
            self.does(time, id, Doing::Unknown, Flow::None, &[]);
            self.close_from(time, id, at);
            self.does(time, id, Doing::Running, Flow::None, &[]);
        }
    }

    fn close_from(&mut self, time: u64, id: u64, at: usize) {
        if let Some(known) = self.goroutines.get_mut(&id) {
            for _ in known.regions.drain(at..) {
                self.packets.end(time, track::of_goroutine(id));
            }
        }
    }

    /// Ends all slices on the goroutine's track.
    pub(super) fn close(&mut self, time: u64, id: u64) {
        self.does(time, id, Doing::Unknown, Flow::None, &[]);
        self.close_from(time, id, 0);
    }

    /// Returns the goroutine that the P runs.
    pub(super) fn runs_on(&self, p: u16) -> Option<u64> {
        self.ps.get(&p).copied().flatten()
    }

    /// Returns the Ps that run a goroutine, with the goroutine's id.
    pub(super) fn running(&self) -> Vec<(u16, u64)> {
        let running = |(&p, &id): (&u16, &Option<u64>)| Some((p, id?));
        self.ps.iter().filter_map(running).collect()
    }

    /// Begins a slice on the P's track, because the goroutine begins to run there.
    pub(super) fn run_on(&mut self, time: u64, p: u16, id: u64) {
        if p == NO_P {
            return;
        }
        let track = track::of_p(p);
        if !self.ps.contains_key(&p) {
            let name = format!("P {p}");
            self.packets
                .track(self.start, track, track::PS, p.into(), &name);
        }
        if self.ps.insert(p, Some(id)).flatten().is_some() {
            self.packets.end(time, track);
        }
        let label = self.goroutines.get(&id).map_or("?", |known| &known.label);
        let annotations = [(Word::Goroutine, AnnotationValue::Number(id))];
        self.packets
            .begin(time, track, Text::Once(label), Flow::None, &annotations);
    }

    /// Ends the goroutine's slice on the P's track, if it is running there.
    pub(super) fn leave_p(&mut self, time: u64, p: u16, id: u64) {
        if let Some(runs) = self.ps.get_mut(&p)
            && *runs == Some(id)
        {
            *runs = None;
            self.packets.end(time, track::of_p(p));
        }
    }
}
