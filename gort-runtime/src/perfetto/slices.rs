//! The slices that are open: on the tracks of goroutines, and of Ps.
//!
//! On its track a goroutine is `running`, `runnable`, or has the name of what it waits for. Its regions lie around
//! these slices: where a region begins or ends, the slice inside ends and begins again. So a region is one slice however often
//! the goroutine waits in it. On the track of a P there is a slice for each run.
//!
//! Whatever comes, also after something was lost, each slice that begins ends: what a goroutine does next closes what
//! was open on its track, and a P that runs somebody ends the run before.

use super::packets::{Flow, Packets, Said, Says, Text, Word};
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
    /// Nothing that is known: no slice is open.
    Unknown,
    Running,
    Runnable,
    Waiting(WaitReason),
}

/// What is known of a goroutine.
#[derive(Debug)]
pub(super) struct Told {
    /// What it is called in other tracks.
    pub(super) label: Box<str>,
    pub(super) doing: Doing,
    /// When the slices began that are open around that.
    regions: Vec<u64>,
    /// It is about to wait.
    pub(super) parks: Option<TraceEvent>,
}

/// All goroutines and Ps that the trace knows, and the packets that tell of them.
#[derive(Debug)]
pub(super) struct Slices {
    pub(super) packets: Packets,
    /// When the trace began.
    pub(super) start: u64,
    pub(super) goroutines: HashMap<u64, Told, Quick>,
    /// Whom each P runs.
    ps: BTreeMap<u16, Option<u64>>,
}

impl Slices {
    /// Declares what tracks there are in every trace.
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
        let told = Told {
            label: label.into(),
            doing: Doing::Unknown,
            regions: Vec::new(),
            parks: None,
        };
        self.goroutines.insert(id, told);
    }

    /// The goroutine ends what it did, and does this.
    pub(super) fn does(&mut self, time: u64, id: u64, doing: Doing, flow: Flow, says: &Says<'_>) {
        let Some(told) = self.goroutines.get_mut(&id) else {
            return;
        };
        let track = track::of_goroutine(id);
        if told.doing != Doing::Unknown {
            self.packets.end(time, track);
        }
        told.doing = doing;
        let name = match doing {
            Doing::Unknown => return,
            Doing::Running => Text::Word(Word::Running),
            Doing::Runnable => Text::Word(Word::Runnable),
            Doing::Waiting(reason) => Text::Reason(reason),
        };
        self.packets.begin(time, track, name, flow, says);
    }

    /// Puts a slice around what the running goroutine does.
    pub(super) fn enter(&mut self, time: u64, id: u64, name: Text<'_>) {
        self.does(time, id, Doing::Unknown, Flow::None, &[]);
        if let Some(told) = self.goroutines.get_mut(&id) {
            told.regions.push(time);
            let track = track::of_goroutine(id);
            self.packets.begin(time, track, name, Flow::None, &[]);
            self.does(time, id, Doing::Running, Flow::None, &[]);
        }
    }

    /// Ends the slice around what the running goroutine does that began at `began`, and those inside it, whose ends have
    /// not come.
    pub(super) fn leave(&mut self, time: u64, id: u64, began: u64) {
        let regions = self.goroutines.get(&id).map(|told| &told.regions);
        // If there is none its end has come before.
        if let Some(at) = regions.and_then(|all| all.iter().position(|&region| region == began)) {
            self.does(time, id, Doing::Unknown, Flow::None, &[]);
            self.close_from(time, id, at);
            self.does(time, id, Doing::Running, Flow::None, &[]);
        }
    }

    fn close_from(&mut self, time: u64, id: u64, at: usize) {
        if let Some(told) = self.goroutines.get_mut(&id) {
            for _ in told.regions.drain(at..) {
                self.packets.end(time, track::of_goroutine(id));
            }
        }
    }

    /// Ends all slices on the goroutine's track.
    pub(super) fn close(&mut self, time: u64, id: u64) {
        self.does(time, id, Doing::Unknown, Flow::None, &[]);
        self.close_from(time, id, 0);
    }

    /// Returns whom the P runs.
    pub(super) fn runs_on(&self, p: u16) -> Option<u64> {
        self.ps.get(&p).copied().flatten()
    }

    /// Returns the Ps that run somebody, and whom.
    pub(super) fn running(&self) -> Vec<(u16, u64)> {
        let running = |(&p, &id): (&u16, &Option<u64>)| Some((p, id?));
        self.ps.iter().filter_map(running).collect()
    }

    /// On the P's track, the goroutine begins to run.
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
        let label = self.goroutines.get(&id).map_or("?", |told| &told.label);
        let says = [(Word::Goroutine, Said::Number(id))];
        self.packets
            .begin(time, track, Text::Once(label), Flow::None, &says);
    }

    /// On the P's track, the goroutine stops running, if it does.
    pub(super) fn leave_p(&mut self, time: u64, p: u16, id: u64) {
        if let Some(runs) = self.ps.get_mut(&p)
            && *runs == Some(id)
        {
            *runs = None;
            self.packets.end(time, track::of_p(p));
        }
    }
}
