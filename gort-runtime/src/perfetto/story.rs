//! Turns the sequence of events into slices and instant events on tracks.
//!
//! A park is held back until something else happens to the goroutine, or until the next look at the
//! logs is over. If it turns out that the goroutine need not wait, the park is dropped.

use super::packets::{AnnotationValue, Flow, Packets, Text, Word};
use super::slices::{Doing, Slices, track};
use crate::proc::p::mix;
use crate::proc::waitreason::WaitReason;
use crate::traced::event::{Before, Kind, TraceEvent, Waker};
use crate::traced::payload::{location, take_name, take_region};
use std::collections::HashSet;
use std::fmt::Write;
use std::mem;
use std::panic::Location;
use std::sync::Arc;

type Place = Option<&'static Location<'static>>;

/// What a goroutine is, and what it did before its first event.
#[derive(Clone, Debug)]
pub(super) struct Introduced {
    pub(super) id: u64,
    pub(super) name: Option<Arc<str>>,
    pub(super) started_at: Place,
    pub(super) before: Before,
    /// The goroutine's wait reason, and where it waits.
    pub(super) waits: Option<(WaitReason, Place)>,
    /// The P that the goroutine has.
    pub(super) p: u16,
}

/// The state of a trace after the events so far.
#[derive(Debug)]
pub(super) struct Story {
    slices: Slices,
    introducing: Option<Introduced>,
    /// The goroutines with a park that is held back: since this look, and since the previous one.
    parking: [Vec<u64>; 2],
    /// The goroutines that have ended: in this look, and in the previous one.
    ended: [Vec<u64>; 2],
}

fn place(at: Place) -> AnnotationValue<'static> {
    AnnotationValue::Text(at.map_or(Text::Once("?"), Text::Place))
}

/// Returns the number of the arrow from a wake-up at `time` to the run that it causes.
fn arrow(id: u64, time: u64) -> u64 {
    mix(time ^ mix(id)).max(1)
}

impl Story {
    /// Begins a trace at `start`.
    pub(super) fn new(packets: Packets, start: u64, program: &str, pid: u64) -> Self {
        Self {
            slices: Slices::new(packets, start, program, pid),
            introducing: None,
            parking: Default::default(),
            ended: Default::default(),
        }
    }

    /// Returns the packets.
    pub(super) fn packets(&mut self) -> &mut Packets {
        &mut self.slices.packets
    }

    /// Returns `true` if the trace knows this goroutine.
    pub(super) fn knows(&self, id: u64) -> bool {
        self.slices.goroutines.contains_key(&id)
    }

    /// Returns the number of goroutines that the trace knows.
    pub(super) fn len(&self) -> usize {
        self.slices.goroutines.len()
    }

    /// Declares a goroutine, and begins the state that it has had since the trace began.
    pub(super) fn introduce(&mut self, who: &Introduced) {
        let id = who.id;
        let mut label = id.to_string();
        if let Some(name) = &who.name {
            label.push(' ');
            label.push_str(name);
        }
        let mut title = label.clone();
        if let Some(at) = who.started_at {
            let file = at.file().rsplit(['/', '\\']).next().unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = write!(title, " {file}:{}", at.line());
        }
        self.slices.declare(id, &label, &title);
        let start = self.slices.start;
        let annotations = [(Word::StartedAt, place(who.started_at))];
        match who.before {
            Before::Nothing => {}
            Before::Ran => {
                self.slices
                    .does(start, id, Doing::Running, Flow::None, &annotations);
                self.run_on(start, who.p, id);
            }
            Before::Queued => {
                self.slices
                    .does(start, id, Doing::Runnable, Flow::None, &annotations);
            }
            Before::Waited => {
                let (reason, at) = who.waits.unwrap_or((WaitReason::None, None));
                let annotations = [
                    (Word::Reason, AnnotationValue::Text(Text::Reason(reason))),
                    (Word::At, place(at)),
                    annotations[0],
                ];
                let doing = Doing::Waiting(reason);
                self.slices.does(start, id, doing, Flow::None, &annotations);
            }
        }
    }

    /// Adds an event to the trace. Its times are in nanoseconds.
    pub(super) fn add(&mut self, event: TraceEvent) {
        let TraceEvent { time, id, arg, .. } = event;
        match event.kind {
            Kind::Known | Kind::Named | Kind::WaitsAt => return self.learn(event),
            _ => {}
        }
        let introduced = self.introduce_new();
        if !matches!(event.kind, Kind::Stays | Kind::LosesP) {
            self.resolve(id);
        }
        match event.kind {
            Kind::Known | Kind::Named | Kind::WaitsAt => {}
            Kind::Starts => {
                let who = introduced.filter(|who| who.id == id);
                self.starts(time, id, arg, who.and_then(|who| who.started_at));
            }
            Kind::Runs => self.runs(time, id, arg, event.p),
            Kind::Parks => {
                if let Some(known) = self.slices.goroutines.get_mut(&id) {
                    known.parks = Some(event);
                    self.parking[0].push(id);
                }
            }
            Kind::Stays => self.stays(time, id, event.p),
            Kind::Yields => self.queues(event, Word::Yield),
            Kind::Requeues => self.queues(event, Word::NoP),
            Kind::GetsP => self.run_on(time, event.p, id),
            Kind::LosesP => self.loses_p(time, id, event.p),
            Kind::Ends => {
                self.slices.leave_p(time, event.p, id);
                self.slices.close(time, id);
                self.ended[0].push(id);
            }
            Kind::Wakes => self.wakes(event),
            Kind::Enters => {
                // SAFETY: each event is added once, and this is where its text is taken.
                let name = unsafe { take_region(arg) };
                self.slices.enter(time, id, Text::Often(&name));
            }
            Kind::Calls => self.slices.enter(time, id, Text::Word(Word::BlockingCall)),
            Kind::Leaves => self.slices.leave(time, id, arg),
        }
    }

    /// Declares the goroutine that the last events have introduced, if the trace does not know it
    /// yet. Returns what the events said.
    fn introduce_new(&mut self) -> Option<Introduced> {
        let who = self.introducing.take()?;
        if !self.knows(who.id) {
            self.introduce(&who);
        }
        Some(who)
    }

    /// Stores what an event says about a new goroutine, until all of the events that introduce the
    /// goroutine have been seen.
    fn learn(&mut self, event: TraceEvent) {
        let TraceEvent { id, arg, .. } = event;
        if event.kind == Kind::Known {
            self.introduce_new();
        }
        let Some(who) = self
            .introducing
            .as_mut()
            .filter(|_| event.kind != Kind::Known)
        else {
            self.introducing = Some(Introduced {
                id,
                name: None,
                started_at: location(arg),
                before: Before::of(event.detail),
                waits: None,
                p: event.p,
            });
            return;
        };
        if event.kind == Kind::WaitsAt {
            who.waits = Some((WaitReason::of(event.detail.into()), location(arg)));
        } else {
            // SAFETY: each event is added once, and this is where its text is taken.
            who.name = Some(unsafe { take_name(arg) });
        }
    }

    fn run_on(&mut self, time: u64, p: u16, id: u64) {
        if let Some(before) = self.slices.runs_on(p) {
            self.resolve(before);
        }
        self.slices.run_on(time, p, id);
    }

    /// Writes the goroutine's held-back park, if there is one: the goroutine really waits.
    fn resolve(&mut self, id: u64) {
        let known = self.slices.goroutines.get_mut(&id);
        if let Some(park) = known.and_then(|known| known.parks.take()) {
            self.slices.leave_p(park.time, park.p, id);
            let reason = WaitReason::of(park.detail.into());
            let annotations = [
                (Word::Reason, AnnotationValue::Text(Text::Reason(reason))),
                (Word::At, place(location(park.arg))),
            ];
            let doing = Doing::Waiting(reason);
            self.slices
                .does(park.time, id, doing, Flow::None, &annotations);
        }
    }

    fn starts(&mut self, time: u64, id: u64, by: u64, at: Place) {
        let annotations = [
            (Word::StartedAt, place(at)),
            (Word::StartedBy, AnnotationValue::Number(by)),
        ];
        self.slices
            .does(time, id, Doing::Runnable, Flow::None, &annotations);
        if self.knows(by)
            && let Some(known) = self.slices.goroutines.get(&id)
        {
            let annotations = [
                (Word::Goroutine, AnnotationValue::Number(id)),
                (Word::Name, AnnotationValue::Text(Text::Once(&known.label))),
            ];
            let (track, name) = (track::of_goroutine(by), Text::Word(Word::Go));
            self.slices
                .packets
                .instant(time, track, name, Flow::None, &annotations);
        }
    }

    fn runs(&mut self, time: u64, id: u64, woken: u64, p: u16) {
        let flow = if woken == 0 {
            Flow::None
        } else {
            Flow::To(arrow(id, woken))
        };
        let annotations = [(Word::P, AnnotationValue::Number(p.into()))];
        self.slices
            .does(time, id, Doing::Running, flow, &annotations);
        self.run_on(time, p, id);
    }

    fn stays(&mut self, time: u64, id: u64, p: u16) {
        let Some(known) = self.slices.goroutines.get_mut(&id) else {
            return;
        };
        if known.parks.take().is_none() && matches!(known.doing, Doing::Waiting(_)) {
            // The park has been written already, because it was held back for too long.
            self.slices.does(time, id, Doing::Running, Flow::None, &[]);
            self.run_on(time, p, id);
        }
    }

    /// Makes the goroutine runnable, although it did not wait.
    fn queues(&mut self, event: TraceEvent, why: Word) {
        let TraceEvent { time, id, .. } = event;
        self.slices.leave_p(time, event.p, id);
        let annotations = [(Word::Reason, AnnotationValue::Text(Text::Word(why)))];
        self.slices
            .does(time, id, Doing::Runnable, Flow::None, &annotations);
    }

    fn loses_p(&mut self, time: u64, id: u64, p: u16) {
        self.slices.leave_p(time, p, id);
        let name = Text::Word(Word::HandedOff);
        let annotations = [(Word::Goroutine, AnnotationValue::Number(id))];
        let packets = &mut self.slices.packets;
        packets.instant(time, track::of_p(p), name, Flow::None, &annotations);
        if self.knows(id) {
            let annotations = [(Word::P, AnnotationValue::Number(p.into()))];
            let track = track::of_goroutine(id);
            self.slices
                .packets
                .instant(time, track, name, Flow::None, &annotations);
        }
    }

    fn wakes(&mut self, event: TraceEvent) {
        let TraceEvent { time, id, arg, .. } = event;
        self.slices.does(time, id, Doing::Runnable, Flow::None, &[]);
        let goroutines = &self.slices.goroutines;
        let woken = goroutines.get(&id).map_or("?", |known| &known.label);
        let thread;
        let (track, waker) = match Waker::of(event.detail) {
            Waker::Goroutine => match goroutines.get(&arg) {
                Some(known) => (track::of_goroutine(arg), &*known.label),
                None => (track::THREADS, "a goroutine"),
            },
            Waker::Thread => {
                thread = format!("thread {arg}");
                (track::THREADS, thread.as_str())
            }
            Waker::Timer => (track::TIMERS, "timer"),
            Waker::Network => (track::NETWORK, "network"),
        };
        let annotations = [
            (Word::Waker, AnnotationValue::Text(Text::Once(waker))),
            (Word::Woken, AnnotationValue::Text(Text::Once(woken))),
            (Word::Goroutine, AnnotationValue::Number(id)),
        ];
        let (name, flow) = (Text::Word(Word::Wake), Flow::From(arrow(id, time)));
        self.slices
            .packets
            .instant(time, track, name, flow, &annotations);
    }

    /// Ends one look at the logs.
    pub(super) fn end_look(&mut self) {
        // An event may be seen one look later than an event that was recorded after it. So ended
        // goroutines and held-back parks are kept for one more look.
        for id in mem::take(&mut self.ended[1]) {
            self.slices.goroutines.remove(&id);
        }
        self.ended.swap(0, 1);
        for id in mem::take(&mut self.parking[1]) {
            self.resolve(id);
        }
        self.parking.swap(0, 1);
    }

    /// Adds a gap: nothing was recorded from `from` to `to`, during which the Ps counted so many
    /// runs and parks.
    pub(super) fn pauses(&mut self, from: u64, to: u64, runs: u64, parks: u64) {
        let annotations = [
            (Word::Runs, AnnotationValue::Number(runs)),
            (Word::Parks, AnnotationValue::Number(parks)),
        ];
        let name = format!("lost {} events", runs + parks);
        let packets = &mut self.slices.packets;
        packets.begin(
            from,
            track::TRACE,
            Text::Once(&name),
            Flow::None,
            &annotations,
        );
        packets.end(to, track::TRACE);
        self.slices.start = to;
        // It is not known which goroutines run during the gap.
        for (p, id) in self.slices.running() {
            self.resolve(id);
            self.slices.leave_p(from, p, id);
            let known = self.slices.goroutines.get(&id);
            if known.is_some_and(|known| known.doing == Doing::Running) {
                self.slices.does(from, id, Doing::Unknown, Flow::None, &[]);
            }
        }
    }

    /// Forgets the goroutines that are not in `live`, because they ended while nothing was
    /// recorded.
    pub(super) fn sweep(&mut self, time: u64, live: &HashSet<u64>) {
        let ids = self.slices.goroutines.keys().copied();
        let gone: Vec<_> = ids.filter(|id| !live.contains(id)).collect();
        for id in gone {
            self.resolve(id);
            self.slices.close(time, id);
            self.slices.goroutines.remove(&id);
        }
    }

    /// Ends every open slice, because the trace is over.
    pub(super) fn end(&mut self, time: u64) {
        let ids: Vec<_> = self.slices.goroutines.keys().copied().collect();
        for id in ids {
            self.resolve(id);
            self.slices.close(time, id);
        }
        for (p, id) in self.slices.running() {
            self.slices.leave_p(time, p, id);
        }
    }
}
