//! What goroutines and Ps do, event by event, as slices on their tracks.
//!
//! On its track a goroutine is `running`, `runnable`, or has the name of what it waits for. Its regions lie around
//! these slices: where a region begins or ends, the slice inside ends and begins again. So a region is one slice however often
//! the goroutine waits in it. On the track of a P there is a slice for each run.
//!
//! Whatever events come, also after some were lost, each slice that begins ends: an event of a goroutine closes what was open
//! on its track, and a P that runs somebody ends the run before.
//!
//! A park is held back until something else happens to the goroutine, or until the next look at the rings: if it turns
//! out that the goroutine need not wait, it has not parked.

use super::packets::{Flow, Name, Packets, Value};
use crate::proc::p::mix;
use crate::proc::waitreason::WaitReason;
use crate::traced::event::{Before, Event, Kind, NO_P, Waker};
use crate::traced::payload::{location, take_name, take_region};
use std::collections::{BTreeMap, HashMap};
use std::panic::Location;
use std::ptr;
use std::sync::Arc;

/// Tracks that are there once.
pub(super) mod tracks {
    pub(in crate::perfetto) const PROCESS: u64 = 1;
    pub(in crate::perfetto) const PS: u64 = 2;
    pub(in crate::perfetto) const GOROUTINES: u64 = 3;
    pub(in crate::perfetto) const TRACE: u64 = 4;
    pub(super) const TIMERS: u64 = 5;
    pub(super) const NETWORK: u64 = 6;
    pub(super) const THREADS: u64 = 7;
    const FIRST_P: u64 = 16;
    const FIRST_GOROUTINE: u64 = 4096;

    pub(super) fn of_p(p: u16) -> u64 {
        FIRST_P + u64::from(p)
    }

    pub(super) fn of_goroutine(id: u64) -> u64 {
        FIRST_GOROUTINE + id
    }
}

/// What a goroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Nothing has been heard of it.
    Unknown,
    Running,
    Runnable,
    Waiting,
}

/// What is known of a goroutine that the trace mentions.
#[derive(Debug)]
struct Told {
    /// What it is called in other tracks.
    label: Box<str>,
    doing: Doing,
    /// Slices that are open around that.
    regions: u32,
    /// It is about to wait.
    parks: Option<Event>,
}

/// A goroutine as it was before its first event.
#[derive(Clone, Debug)]
pub(super) struct Introduced {
    pub(super) id: u64,
    pub(super) name: Option<Arc<str>>,
    pub(super) started_at: Option<&'static Location<'static>>,
    pub(super) before: Before,
    /// What it waits for, and where.
    pub(super) waits: Option<(WaitReason, Option<&'static Location<'static>>)>,
    /// The P that it has.
    pub(super) p: u16,
}

/// Texts of source lines.
#[derive(Debug, Default)]
struct Places(HashMap<usize, Box<str>>);

impl Places {
    fn text(&mut self, at: Option<&'static Location<'static>>) -> &str {
        let Some(at) = at else {
            return "?";
        };
        self.0
            .entry(ptr::from_ref(at).addr())
            .or_insert_with(|| at.to_string().into())
    }
}

/// All that is known, and the packets that tell it.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) packets: Packets,
    /// When the trace began.
    start: u64,
    goroutines: HashMap<u64, Told>,
    /// Whom each P runs.
    ps: BTreeMap<u16, Option<u64>>,
    places: Places,
    introducing: Option<Introduced>,
    /// Those with a park that is held back: since this look, and since the one before.
    parking: [Vec<u64>; 2],
    /// Those that have ended: in this look, and in the one before.
    ended: [Vec<u64>; 2],
}

impl Story {
    /// Begins a trace at `start`.
    pub(super) fn new(mut packets: Packets, start: u64, program: &str, pid: u64) -> Self {
        packets.process(start, tracks::PROCESS, pid, program);
        let (top, rest) = (tracks::PROCESS, 1);
        packets.track(start, tracks::PS, top, 0, "Ps");
        packets.track(start, tracks::GOROUTINES, top, rest, "goroutines");
        packets.track(start, tracks::TIMERS, top, rest + 1, "timers");
        packets.track(start, tracks::NETWORK, top, rest + 2, "network");
        packets.track(start, tracks::THREADS, top, rest + 3, "other threads");
        packets.track(start, tracks::TRACE, top, rest + 4, "trace");
        Self {
            packets,
            start,
            goroutines: HashMap::new(),
            ps: BTreeMap::new(),
            places: Places::default(),
            introducing: None,
            parking: Default::default(),
            ended: Default::default(),
        }
    }

    /// Returns whether the trace has told of this goroutine.
    pub(super) fn knows(&self, id: u64) -> bool {
        self.goroutines.contains_key(&id)
    }

    /// Tells what a goroutine is and what it has done since the trace began.
    pub(super) fn introduce(&mut self, who: &Introduced) {
        let id = who.id;
        let mut label = id.to_string();
        if let Some(name) = &who.name {
            label.push(' ');
            label.push_str(name);
        }
        let mut title = label.clone();
        if let Some(at) = who.started_at {
            let file = at.file();
            let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
            title.push_str(&format!(" {file}:{}", at.line()));
        }
        let track = tracks::of_goroutine(id);
        let start = self.start;
        self.packets
            .track(start, track, tracks::GOROUTINES, id, &title);
        self.goroutines.insert(
            id,
            Told {
                label: label.into(),
                doing: Doing::Unknown,
                regions: 0,
                parks: None,
            },
        );
        match who.before {
            Before::Nothing => {}
            Before::Ran => {
                self.does(
                    start,
                    id,
                    Doing::Running,
                    Name::Often("running"),
                    Flow::None,
                    &[],
                );
                self.run_on(start, who.p, id);
            }
            Before::Queued => {
                self.does(
                    start,
                    id,
                    Doing::Runnable,
                    Name::Often("runnable"),
                    Flow::None,
                    &[],
                );
            }
            Before::Waited => {
                let (reason, at) = who.waits.unwrap_or((WaitReason::None, None));
                self.waits(start, id, reason, at, who.started_at);
            }
        }
    }

    fn waits(
        &mut self,
        time: u64,
        id: u64,
        reason: WaitReason,
        at: Option<&'static Location<'static>>,
        started_at: Option<&'static Location<'static>>,
    ) {
        let reason = reason.to_string();
        let at: Box<str> = self.places.text(at).into();
        let started_at: Option<Box<str>> = started_at.map(|at| self.places.text(Some(at)).into());
        let mut says = vec![("reason", Value::Often(&reason)), ("at", Value::Often(&at))];
        if let Some(place) = &started_at {
            says.push(("started at", Value::Often(place)));
        }
        self.does(
            time,
            id,
            Doing::Waiting,
            Name::Often(&reason),
            Flow::None,
            &says,
        );
    }

    /// On its track, the goroutine ends what it did and does this.
    fn does(
        &mut self,
        time: u64,
        id: u64,
        doing: Doing,
        name: Name<'_>,
        flow: Flow,
        says: &[(&str, Value<'_>)],
    ) {
        let track = tracks::of_goroutine(id);
        let Some(told) = self.goroutines.get_mut(&id) else {
            return;
        };
        if told.doing != Doing::Unknown {
            self.packets.end(time, track);
        }
        told.doing = doing;
        self.packets.begin(time, track, name, flow, says);
    }

    /// On the P's track, the goroutine begins to run.
    fn run_on(&mut self, time: u64, p: u16, id: u64) {
        if p == NO_P {
            return;
        }
        let track = tracks::of_p(p);
        match self.ps.get(&p).copied() {
            None => {
                let (start, rank) = (self.start, u64::from(p));
                self.packets
                    .track(start, track, tracks::PS, rank, &format!("P {p}"));
            }
            Some(None) => {}
            Some(Some(before)) => {
                self.resolve(before);
                if self.ps.get(&p).copied().flatten().is_some() {
                    self.packets.end(time, track);
                }
            }
        }
        self.ps.insert(p, Some(id));
        if let Some(told) = self.goroutines.get(&id) {
            self.packets.begin(
                time,
                track,
                Name::Rarely(&told.label),
                Flow::None,
                &[("goroutine", Value::Number(id))],
            );
        }
    }

    /// On the P's track, the goroutine stops running.
    fn leave_p(&mut self, time: u64, p: u16, id: u64) {
        if let Some(runs) = self.ps.get_mut(&p)
            && *runs == Some(id)
        {
            *runs = None;
            self.packets.end(time, tracks::of_p(p));
        }
    }

    /// The goroutine really waits, if it was about to.
    fn resolve(&mut self, id: u64) {
        let parks = self
            .goroutines
            .get_mut(&id)
            .and_then(|told| told.parks.take());
        if let Some(park) = parks {
            self.leave_p(park.time, park.p, id);
            let reason = WaitReason::of(park.detail.into());
            self.waits(park.time, id, reason, location(park.arg), None);
        }
    }

    /// Tells of an event, whose time is in nanoseconds.
    pub(super) fn tell(&mut self, event: Event) {
        let Event { time, id, arg, .. } = event;
        match event.kind {
            Kind::Known => {
                self.introducing = Some(Introduced {
                    id,
                    name: None,
                    started_at: location(arg),
                    before: Before::of(event.detail),
                    waits: None,
                    p: event.p,
                });
                return;
            }
            Kind::Named => {
                // SAFETY: each event is told once, and this is where its text is taken.
                let name = unsafe { take_name(arg) };
                if let Some(who) = &mut self.introducing {
                    who.name = Some(name);
                }
                return;
            }
            Kind::WaitsAt => {
                if let Some(who) = &mut self.introducing {
                    who.waits = Some((WaitReason::of(event.detail.into()), location(arg)));
                }
                return;
            }
            _ => {}
        }
        let introduced = self.introducing.take();
        if let Some(who) = &introduced
            && !self.knows(who.id)
        {
            self.introduce(who);
        }
        if event.kind == Kind::Stays {
            return self.stays(time, id, event.p);
        }
        if event.kind != Kind::LosesP {
            self.resolve(id);
        }
        match event.kind {
            Kind::Known | Kind::Named | Kind::WaitsAt | Kind::Stays => {}
            Kind::Starts => self.starts(time, id, arg, introduced.and_then(|who| who.started_at)),
            Kind::Runs => self.runs(time, id, arg, event.p),
            Kind::Parks => {
                if let Some(told) = self.goroutines.get_mut(&id) {
                    told.parks = Some(event);
                    self.parking[0].push(id);
                }
            }
            Kind::Yields | Kind::Requeues => {
                self.leave_p(time, event.p, id);
                let why = if event.kind == Kind::Yields {
                    "yield"
                } else {
                    "no P"
                };
                let says = [("reason", Value::Often(why))];
                self.does(
                    time,
                    id,
                    Doing::Runnable,
                    Name::Often("runnable"),
                    Flow::None,
                    &says,
                );
            }
            Kind::GetsP => self.run_on(time, event.p, id),
            Kind::LosesP => self.loses_p(time, id, event.p),
            Kind::Ends => self.ends(time, id, event.p),
            Kind::Wakes => self.wakes(event),
            Kind::Enters => {
                // SAFETY: as for names.
                let name = unsafe { take_region(arg) };
                self.enters(time, id, Name::Often(&name));
            }
            Kind::Calls => self.enters(time, id, Name::Often("blocking call")),
            Kind::Leaves | Kind::Returns => self.leaves(time, id),
        }
    }

    fn starts(&mut self, time: u64, id: u64, by: u64, at: Option<&'static Location<'static>>) {
        let at: Box<str> = self.places.text(at).into();
        let says = [
            ("started at", Value::Often(&at)),
            ("started by", Value::Number(by)),
        ];
        self.does(
            time,
            id,
            Doing::Runnable,
            Name::Often("runnable"),
            Flow::None,
            &says,
        );
        if self.knows(by)
            && let Some(told) = self.goroutines.get(&id)
        {
            let says = [
                ("goroutine", Value::Number(id)),
                ("name", Value::Rarely(&told.label)),
            ];
            let track = tracks::of_goroutine(by);
            self.packets
                .instant(time, track, Name::Often("go"), Flow::None, &says);
        }
    }

    fn runs(&mut self, time: u64, id: u64, woken: u64, p: u16) {
        let flow = if woken == 0 {
            Flow::None
        } else {
            Flow::To(flow_id(id, woken))
        };
        let says = [("P", Value::Number(p.into()))];
        self.does(
            time,
            id,
            Doing::Running,
            Name::Often("running"),
            flow,
            &says,
        );
        self.run_on(time, p, id);
    }

    fn stays(&mut self, time: u64, id: u64, p: u16) {
        let Some(told) = self.goroutines.get_mut(&id) else {
            return;
        };
        if told.parks.take().is_none() && told.doing == Doing::Waiting {
            self.does(
                time,
                id,
                Doing::Running,
                Name::Often("running"),
                Flow::None,
                &[],
            );
            self.run_on(time, p, id);
        }
    }

    fn loses_p(&mut self, time: u64, id: u64, p: u16) {
        self.leave_p(time, p, id);
        let says = [("goroutine", Value::Number(id))];
        let name = Name::Often("P handed off");
        self.packets
            .instant(time, tracks::of_p(p), name, Flow::None, &says);
        if self.knows(id) {
            let says = [("P", Value::Number(p.into()))];
            let track = tracks::of_goroutine(id);
            self.packets.instant(time, track, name, Flow::None, &says);
        }
    }

    fn ends(&mut self, time: u64, id: u64, p: u16) {
        self.leave_p(time, p, id);
        self.close(time, id);
        self.ended[0].push(id);
    }

    /// Ends all slices on the goroutine's track.
    fn close(&mut self, time: u64, id: u64) {
        if let Some(told) = self.goroutines.get_mut(&id) {
            let open = told.regions + u32::from(told.doing != Doing::Unknown);
            (told.regions, told.doing) = (0, Doing::Unknown);
            for _ in 0..open {
                self.packets.end(time, tracks::of_goroutine(id));
            }
        }
    }

    fn wakes(&mut self, event: Event) {
        let Event { time, id, arg, .. } = event;
        self.does(
            time,
            id,
            Doing::Runnable,
            Name::Often("runnable"),
            Flow::None,
            &[],
        );
        let woken = self.goroutines.get(&id).map_or("?", |told| &told.label);
        let thread;
        let (track, waker) = match Waker::of(event.detail) {
            Waker::Goroutine => match self.goroutines.get(&arg) {
                Some(told) => (tracks::of_goroutine(arg), &*told.label),
                None => (tracks::THREADS, "a goroutine"),
            },
            Waker::Thread => {
                thread = format!("thread {arg}");
                (tracks::THREADS, thread.as_str())
            }
            Waker::Timer => (tracks::TIMERS, "timer"),
            Waker::Network => (tracks::NETWORK, "network"),
        };
        let says = [
            ("waker", Value::Rarely(waker)),
            ("woken", Value::Rarely(woken)),
            ("goroutine", Value::Number(id)),
        ];
        let flow = Flow::From(flow_id(id, event.time));
        self.packets
            .instant(time, track, Name::Often("wake"), flow, &says);
    }

    /// Puts a slice around what the goroutine does.
    fn enters(&mut self, time: u64, id: u64, name: Name<'_>) {
        let track = tracks::of_goroutine(id);
        let Some(told) = self.goroutines.get_mut(&id) else {
            return;
        };
        if told.doing != Doing::Unknown {
            self.packets.end(time, track);
        }
        self.packets.begin(time, track, name, Flow::None, &[]);
        told.regions += 1;
        told.doing = Doing::Running;
        self.packets
            .begin(time, track, Name::Often("running"), Flow::None, &[]);
    }

    fn leaves(&mut self, time: u64, id: u64) {
        let track = tracks::of_goroutine(id);
        let Some(told) = self.goroutines.get_mut(&id) else {
            return;
        };
        if told.regions == 0 {
            // Its beginning was lost.
            return;
        }
        if told.doing != Doing::Unknown {
            self.packets.end(time, track);
        }
        self.packets.end(time, track);
        told.regions -= 1;
        told.doing = Doing::Running;
        self.packets
            .begin(time, track, Name::Often("running"), Flow::None, &[]);
    }

    /// One look at the rings is over.
    pub(super) fn looked(&mut self) {
        // What was recorded before an event that has been seen has been seen one look later.
        for id in std::mem::take(&mut self.ended[1]) {
            self.goroutines.remove(&id);
        }
        self.ended.swap(0, 1);
        for id in std::mem::take(&mut self.parking[1]) {
            self.resolve(id);
        }
        self.parking.swap(0, 1);
    }

    /// Tells that pushes have been lost.
    pub(super) fn lost(&mut self, time: u64, n: u64) {
        let says = [("events", Value::Number(n))];
        let name = format!("lost {n} events");
        self.packets
            .instant(time, tracks::TRACE, Name::Rarely(&name), Flow::None, &says);
    }

    /// The trace is over: ends every slice.
    pub(super) fn end(&mut self, time: u64) {
        let ids: Vec<_> = self.goroutines.keys().copied().collect();
        for id in ids {
            self.resolve(id);
            self.close(time, id);
        }
        for (&p, runs) in &mut self.ps {
            if runs.take().is_some() {
                self.packets.end(time, tracks::of_p(p));
            }
        }
    }
}

/// Returns the number of the arrow from a wake-up at `time` to the run that it causes.
fn flow_id(id: u64, time: u64) -> u64 {
    mix(time ^ mix(id)).max(1)
}
