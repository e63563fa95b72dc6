//! opentelemetry's context and scoped-tls. Both set a thread-local, and restore its former value.

use crate::{MANY, TIMES};
use gort_libraries::{many, moving, wait};
use opentelemetry::Context;
use scoped_tls::scoped_thread_local;
use std::cell::Cell;

#[derive(Debug, PartialEq)]
struct Number(usize);

fn attached() -> Option<usize> {
    Context::current().get::<Number>().map(|n| n.0)
}

scoped_thread_local!(static CURRENT: Cell<usize>);

fn current() -> usize {
    CURRENT.with(Cell::get)
}

moving! {
    // TL06
    fn contexts_of_a_goroutine_nest() {
        many(MANY, |i| {
            for round in 0..TIMES {
                assert_eq!(attached(), None);
                let outer = Context::current_with_value(Number(i)).attach();
                wait();
                assert_eq!(attached(), Some(i));
                let inner = Context::current_with_value(Number(i + MANY)).attach();
                wait();
                assert_eq!(attached(), Some(i + MANY));
                if round % 2 == 0 {
                    drop(inner);
                    wait();
                    assert_eq!(attached(), Some(i));
                    drop(outer);
                } else {
                    // This is the wrong order, which opentelemetry allows.
                    drop(outer);
                    wait();
                    assert_eq!(attached(), Some(i + MANY));
                    drop(inner);
                }
                wait();
            }
        });
    }

    // TL06
    fn goroutines_leave_their_scopes_in_any_order() {
        many(MANY, |i| {
            for round in 0..TIMES {
                assert!(!CURRENT.is_set());
                let outer = Cell::new(i);
                CURRENT.set(&outer, || {
                    // In half of the cases the goroutine that came first stays longer.
                    (0..1 + (i + round) % 4).for_each(|_| wait());
                    assert_eq!(current(), i);
                    let inner = Cell::new(i + MANY);
                    CURRENT.set(&inner, || {
                        (0..1 + (i + round) % 3).for_each(|_| wait());
                        assert_eq!(current(), i + MANY);
                    });
                    wait();
                    assert_eq!(current(), i);
                });
                wait();
            }
        });
    }
}
