//! tracing's spans and a thread-local of the program, which hooks carry from thread to thread for
//! goroutines that share their threads' thread-locals. Goroutines with their own do not need this
//! (`spans.rs`).
//!
//! [`carrying`] and [`in_span`] are the recipe of the guide's chapter on thread-locals.

use crate::spans::{Recorder, Scopes, seen_of};
use crate::{MANY, TIMES};
use gort::goroutine_local;
use gort::prelude::*;
use gort::runtime;
use gort_libraries::{moving, wait};
use std::cell::{Cell, RefCell};
use tracing::{Span, info, info_span};
use tracing_subscriber::layer::SubscriberExt;

goroutine_local! {
    /// The spans that the goroutine has entered, from the outermost.
    static ENTERED: RefCell<Vec<Span>> = RefCell::new(Vec::new());
    /// The goroutine's request while it waits.
    static WAITING: Cell<u64> = Cell::new(0);
}

thread_local! {
    /// The value that a library reads. The library knows nothing of goroutines.
    static REQUEST: Cell<u64> = const { Cell::new(0) };
}

/// Neither this nor `leave` may be inlined: no function that waits may compute the address of a
/// thread-local.
#[inline(never)]
fn enter(span: &Span) {
    span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
}

#[inline(never)]
fn leave(span: &Span) {
    span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
}

#[inline(never)]
fn request() -> &'static std::thread::LocalKey<Cell<u64>> {
    &REQUEST
}

/// Runs `f` in the span, even if the goroutine changes threads. Replaces `Span::enter` and
/// `in_scope`.
fn in_span<T>(span: &Span, f: impl FnOnce() -> T) -> T {
    struct Leaves;
    impl Drop for Leaves {
        fn drop(&mut self) {
            if let Some(span) = ENTERED.with_borrow_mut(Vec::pop) {
                leave(&span);
            }
        }
    }
    enter(span);
    ENTERED.with_borrow_mut(|spans| spans.push(span.clone()));
    let _leaves = Leaves;
    f()
}

/// Adds hooks that make the goroutines of a run take the contents of these thread-locals along.
fn carrying(builder: runtime::Builder) -> runtime::Builder {
    builder
        .on_park(|_| {
            ENTERED.with_borrow(|spans| spans.iter().rev().for_each(leave));
            WAITING.set(request().take());
        })
        .on_resume(|_| {
            ENTERED.with_borrow(|spans| spans.iter().for_each(enter));
            request().set(WAITING.get());
        })
        .on_end(|_| request().set(0))
}

/// Enters spans over waits, and checks that each goroutine's spans nest.
fn spans_nest() {
    fn expect(i: usize, spans: &[&Span]) {
        info!(goroutine = i as u64);
        let ids: Vec<_> = spans.iter().map(|s| s.id().unwrap().into_u64()).collect();
        assert_eq!(seen_of(i).unwrap(), ids);
        assert_eq!(request().get(), i as u64);
    }
    let all: Vec<_> = (0..MANY)
        .map(|i| {
            go!(move || {
                request().set(i as u64);
                for _ in 0..TIMES {
                    let (outer, inner) = (info_span!("outer"), info_span!(parent: None, "inner"));
                    in_span(&outer, || {
                        wait();
                        in_span(&inner, || {
                            wait();
                            expect(i, &[&outer, &inner]);
                        });
                        // An unwinding that waits leaves the span, too.
                        let left = gort::recover(|| {
                            in_span(&inner, || {
                                defer! { wait(); };
                                std::panic::resume_unwind(Box::new(i));
                            })
                        });
                        assert!(left.is_err());
                        wait();
                        expect(i, &[&outer]);
                    });
                    wait();
                    expect(i, &[]);
                }
            })
        })
        .collect();
    all.into_iter().for_each(|handle| handle.join().unwrap());
}

moving! {
    fn spans_are_carried() {
        tracing::subscriber::set_global_default(Recorder::new()).unwrap();
        carrying(runtime::Builder::new()).run(spans_nest);
    }

    fn spans_are_carried_in_the_registry() {
        // The registry finds the spans around an event by going from the current span to its
        // parent, and so on. So `inner` must have a parent here.
        let registry = tracing_subscriber::registry().with(Scopes);
        tracing::subscriber::set_global_default(registry).unwrap();
        carrying(runtime::Builder::new()).run(|| {
            let all: Vec<_> = (0..MANY)
                .map(|i| {
                    go!(move || {
                        for _ in 0..TIMES {
                            let outer = info_span!("outer");
                            in_span(&outer, || {
                                wait();
                                let inner = info_span!("inner");
                                in_span(&inner, || {
                                    wait();
                                    info!(goroutine = i as u64);
                                    let ids = [&outer, &inner].map(|s| s.id().unwrap().into_u64());
                                    assert_eq!(seen_of(i).unwrap(), ids);
                                });
                            });
                        }
                    })
                })
                .collect();
            all.into_iter().for_each(|handle| handle.join().unwrap());
        });
    }
}
