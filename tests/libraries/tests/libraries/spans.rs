//! tracing. Its subscribers keep the entered spans per thread.

use crate::{MANY, TIMES};
use gort_libraries::{Meeting, many, moving, wait};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Mutex;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, info, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// The spans of each goroutine's last event, from the outermost.
static SEEN: Mutex<Option<HashMap<u64, Vec<u64>>>> = Mutex::new(None);

fn note(goroutine: u64, spans: Vec<u64>) {
    let mut seen = SEEN.lock().unwrap();
    seen.get_or_insert_default().insert(goroutine, spans);
}

pub(crate) fn seen_of(goroutine: usize) -> Option<Vec<u64>> {
    SEEN.lock().unwrap().as_mut()?.remove(&(goroutine as u64))
}

/// The number of the goroutine that made an event.
#[derive(Default)]
struct Number(u64);

impl Visit for Number {
    fn record_u64(&mut self, _: &Field, value: u64) {
        self.0 = value;
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

fn number_of(event: &Event<'_>) -> u64 {
    let mut number = Number::default();
    event.record(&mut number);
    number.0
}

/// A subscriber that notes which spans are entered, and checks their order.
pub(crate) struct Recorder {
    spans: AtomicU64,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            spans: AtomicU64::new(0),
        }
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        note(number_of(event), ENTERED.with_borrow(Clone::clone));
    }

    fn enter(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        let left = ENTERED.with_borrow_mut(Vec::pop);
        assert_eq!(left, Some(id.into_u64()), "left in another order");
    }
}

/// A layer over the registry that notes the spans of an event.
pub(crate) struct Scopes;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Scopes {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let scope = context.event_scope(event);
        let spans = scope.map_or_else(Vec::new, |scope| {
            scope.from_root().map(|span| span.id().into_u64()).collect()
        });
        note(number_of(event), spans);
    }
}

/// Enters spans over waits, and checks that each goroutine's spans nest.
fn spans_nest() {
    let expect = |i: usize, spans: &[&tracing::Span]| {
        info!(goroutine = i as u64);
        let ids: Vec<_> = spans.iter().map(|s| s.id().unwrap().into_u64()).collect();
        assert_eq!(seen_of(i).unwrap(), ids);
    };
    many(MANY, move |i| {
        for _ in 0..TIMES {
            let outer = info_span!("outer");
            let in_outer = outer.enter();
            wait();
            let inner = info_span!("inner");
            let in_inner = inner.enter();
            wait();
            expect(i, &[&outer, &inner]);
            drop(in_inner);
            wait();
            expect(i, &[&outer]);
            inner.in_scope(|| {
                wait();
                expect(i, &[&outer, &inner]);
            });
            drop(in_outer);
            wait();
            expect(i, &[]);
        }
    });
}

moving! {
    // TL06
    fn spans_of_a_goroutine_nest() {
        tracing::subscriber::set_global_default(Recorder::new()).unwrap();
        spans_nest();
    }

    // TL06
    fn spans_of_a_goroutine_nest_in_the_registry() {
        let registry = tracing_subscriber::registry().with(Scopes);
        tracing::subscriber::set_global_default(registry).unwrap();
        spans_nest();
    }

    // TL06
    fn a_goroutine_has_the_subscriber_that_it_has_chosen() {
        static OTHERS: AtomicU64 = AtomicU64::new(0);
        many(MANY, |i| {
            let recorder = Recorder { spans: AtomicU64::new(i as u64 * 1_000_000) };
            let chosen = tracing::subscriber::set_default(recorder);
            for _ in 0..TIMES {
                wait();
                let id = info_span!("mine").id().unwrap().into_u64();
                OTHERS.fetch_add(u64::from(id / 1_000_000 != i as u64), SeqCst);
            }
            drop(chosen);
        });
        assert_eq!(OTHERS.load(SeqCst), 0);
    }

    // TL06
    /// The registry has numbers for 4,096 threads that live at the same time. So 4,000 goroutines
    /// can use it.
    fn the_registry_has_room_for_four_thousand() {
        const N: usize = 4_000;
        let registry = tracing_subscriber::registry().with(Scopes);
        tracing::subscriber::set_global_default(registry).unwrap();
        let all = Meeting::of(N);
        many(N, move |i| {
            let span = info_span!("one");
            let _entered = span.enter();
            all.join();
            info!(goroutine = i as u64);
            assert_eq!(seen_of(i).unwrap(), [span.id().unwrap().into_u64()]);
        });
    }
}
