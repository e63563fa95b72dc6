//! SE19 to SE24: the operands of `select!`: when they are evaluated, what moves, and what is
//! dropped.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{TryRecvError, TrySendError, never};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::{Counted, claims, parked, role, run_child};
use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// What happened, in order.
#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl Log {
    /// Notes that `what` was evaluated, and returns `value`.
    fn op<T>(&self, what: &str, value: T) -> T {
        self.0.borrow_mut().push(what.to_owned());
        value
    }

    /// Returns a temporary that notes its use and its end.
    fn temporary<'a>(&'a self, name: &'a str) -> Temporary<'a> {
        Temporary { log: self, name }
    }

    fn is(&self, expected: &[&str]) -> bool {
        *self.0.borrow() == expected
    }
}

struct Temporary<'a> {
    log: &'a Log,
    name: &'a str,
}

impl Temporary<'_> {
    fn get<'r, T>(&self, value: &'r T) -> &'r T {
        self.log.op(&format!("get {}", self.name), value)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        self.log.op(&format!("drop {}", self.name), ());
    }
}

/// A user-defined handle.
struct Wrapper<T>(T);

impl<T> Deref for Wrapper<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Ends a goroutine by a panic, without output of a panic hook.
fn fail<T>() -> T {
    std::panic::resume_unwind(Box::new("operand"))
}

claims! {
    // SE19
    fn operands_are_evaluated_once_in_source_order_before_the_choice() {
        let log = Log::default();
        let ((a, a_rx), idle) = (bounded(1), never::<i32>());
        let (nil_rx, nil_tx) = (None::<Receiver<i32>>, None::<Sender<i32>>);
        select! {
            *log.op("A", &a) <- log.op("x", 1) => log.op("arm A", ()),
            <-log.op("N", &nil_rx) => log.op("arm N", ()),
            log.op("M", &nil_tx) <- log.op("y", 2) => log.op("arm M", ()),
            <-log.op("U", &idle) => log.op("arm U", ()),
        }
        assert!(log.is(&["A", "x", "N", "M", "y", "U", "arm A"]), "{:?}", log.0);
        assert_eq!(a_rx.recv(), Ok(1));
    }

    // SE19: also when the select parks, wakes, and looks again.
    fn operands_are_evaluated_once_though_the_select_parks() {
        let evaluated = Arc::new(AtomicUsize::new(0));
        let ((tx, rx), (out, _out_rx)) = (bounded(0), bounded(0));
        let select = parked(WaitReason::Select, {
            let (evaluated, time) = (evaluated.clone(), gort::time::after(Duration::from_secs(3600)));
            let count = move || evaluated.fetch_add(1, SeqCst);
            move || select! {
                v = <-{ count(); &rx } => v,
                out <- count() => panic!("nobody receives"),
                <-{ count(); &time } => panic!("is not late"),
                after({ count(); Duration::from_secs(3600) }) => panic!("is not late"),
            }
        });
        tx.send(3).unwrap();
        assert_eq!(select.join().unwrap(), Ok(3));
        assert_eq!(evaluated.load(SeqCst), 4);
    }

    // SE20
    fn the_place_that_a_value_is_stored_to_is_evaluated_for_the_chosen_arm_only() {
        let log = Log::default();
        let ((tx, rx), idle) = (bounded(1), never());
        tx.send(5).unwrap();
        let mut places = [0; 2];
        select! {
            v = <-log.op("first", &idle) => places[log.op("place 0", 0)] = v.unwrap(),
            v = <-log.op("second", &rx) => places[log.op("place 1", 1)] = v.unwrap(),
        }
        assert!(log.is(&["first", "second", "place 1"]), "{:?}", log.0);
        assert_eq!(places, [0, 5]);
    }

    // SE21
    fn with_default_chosen_operands_have_been_evaluated_once() {
        let log = Log::default();
        let ((full, rx), idle) = (bounded(1), never::<()>());
        full.send(0).unwrap();
        select! {
            <-log.op("U", &idle) => panic!("idle"),
            default => log.op("default", ()),
            *log.op("A", &full) <- log.op("z", 1) => panic!("is full"),
        }
        assert!(log.is(&["U", "A", "z", "default"]), "{:?}", log.0);
        assert!(rx.try_iter().eq([0]));
    }

    // The order is guard, channel, value. With a false guard an arm's operands are not evaluated.
    fn the_operands_of_an_arm_with_a_false_guard_are_not_evaluated() {
        let log = Log::default();
        let ((tx, _rx), idle) = (bounded(1), never::<()>());
        let empty: &[i32] = &[];
        select! {
            *log.op("tx", &tx) <- log.op("first of none", *empty.first().unwrap()),
                if log.op("has first", !empty.is_empty()) => {}
            <-log.op("idle", &idle), if log.op("off", false) => {}
            *log.op("on tx", &tx) <- log.op("value", 1), if log.op("on", true) => {}
        }
        assert!(log.is(&["has first", "off", "on", "on tx", "value"]), "{:?}", log.0);
    }

    // Temporaries in operands are dropped before the chosen body runs.
    fn temporaries_in_operands_live_until_the_choice() {
        let log = Log::default();
        let ((tx, _rx), (full, _full_rx)) = (bounded(1), bounded(0));
        let idle = never::<i32>();
        select! {
            <-log.temporary("a").get(&idle) => {}
            *log.temporary("b").get(&full) <- log.op("value b", 1) => {}
            *log.temporary("c").get(&tx) <- log.op("value c", 1) => log.op("body", ()),
            after(log.op("after", Duration::from_secs(3600))) => {}
        }
        let order = ["get a", "get b", "value b", "get c", "value c", "after"];
        let ends = ["drop c", "drop b", "drop a", "body"];
        assert!(log.is(&[&order[..], &ends].concat()), "{:?}", log.0);
    }

    // Therefore a lock taken in an operand is free in the body.
    fn a_guard_in_an_operand_is_released_before_the_body() {
        let shared = Mutex::new(vec![bounded(1)]);
        select! { shared.lock()[0].0 <- 4 => assert!(shared.try_lock().is_ok()) }
        select! { v = <-shared.lock()[0].1, if true => {
            assert_eq!(v, Ok(4));
            assert!(shared.try_lock().is_ok());
        } }
    }

    // SE22
    fn a_panic_in_an_operand_aborts_the_select() {
        let alive = Arc::new(AtomicUsize::new(0));
        let log = Log::default();
        let ((tx, rx), (out, out_rx)) = (bounded(0), bounded(0));
        let ended = gort::recover(|| {
            select! {
                <-log.op("first", &rx) => {}
                *log.op("second", &out) <- Counted::new(&alive) => {}
                <-log.op("third", fail::<&Receiver<()>>()) => {}
                <-log.op("fourth", &rx) => {}
            }
        });
        assert!(ended.is_err());
        assert!(log.is(&["first", "second"]), "{:?}", log.0);
        assert_eq!(alive.load(SeqCst), 0);
        assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)), "no receiver was registered");
        assert!(matches!(out_rx.try_recv(), Err(TryRecvError::Empty)), "no sender was registered");
        let receiver = parked(WaitReason::ChanReceive, move || rx.recv());
        assert_eq!(tx.try_send(2), Ok(()));
        assert_eq!(receiver.join().unwrap(), Ok(2));
    }

    // SE22
    fn a_variable_survives_a_panic_in_a_later_operand() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded(1);
        let value = Counted::new(&alive);
        let ended = gort::recover(|| select! { tx <- value => {} <-fail::<Receiver<()>>() => {} });
        assert!(ended.is_err());
        assert_eq!((alive.load(SeqCst), rx.len()), (0, 0), "not sent, and dropped once");
    }

    // SE23
    fn the_value_of_a_send_arm_may_come_from_the_same_channel() {
        let (tx, rx) = bounded(2);
        tx.send(7).unwrap();
        select! { tx <- rx.recv().unwrap() => {} }
        assert!(rx.try_iter().eq([7]));
    }

    // SE24
    fn the_values_of_losing_arms_are_dropped_once() {
        let alive = Arc::new(AtomicUsize::new(0));
        let [a, b, c] = [0; 3].map(|_| unbounded());
        for round in 1..=1_000 {
            select! {
                a.0 <- Counted::new(&alive) => {}
                b.0 <- Counted::new(&alive) => {}
                c.0 <- Counted::new(&alive) => {}
            }
            assert_eq!(alive.load(SeqCst), round, "two of three were dropped");
        }
        assert_eq!(a.1.len() + b.1.len() + c.1.len(), 1_000);
        drop((a, b));
        assert_eq!(alive.load(SeqCst), c.1.len());
        drop(c);
        assert_eq!(alive.load(SeqCst), 0);
    }

    // SE24: the same holds for variables, each of which stays with its owner.
    fn the_variables_of_losing_arms_stay() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = unbounded();
        let full = bounded(0);
        for round in 0..1_000 {
            let [a, b, c] = [0; 3].map(|_| Counted::new(&alive));
            select! {
                full.0 <- a => {}
                tx <- b => assert_eq!(alive.load(SeqCst), round + 3),
                r = tx <- c => assert!(r.is_ok() && alive.load(SeqCst) == round + 3),
            }
            assert_eq!(alive.load(SeqCst), round + 3, "until the end of the scope");
        }
        assert_eq!((alive.load(SeqCst), rx.len()), (1_000, 1_000));
        drop((rx, tx));
        assert_eq!(alive.load(SeqCst), 0);
    }

    // SE24: the same holds for a parked select whose arms a peer completes.
    fn values_of_parked_send_arms_are_dropped_once() {
        let alive = Arc::new(AtomicUsize::new(0));
        for chosen in 0..2 {
            let channels = [bounded(0), bounded(0)];
            let select = parked(WaitReason::Select, {
                let (alive, channels) = (alive.clone(), channels.clone());
                move || {
                    let variable = Counted::new(&alive);
                    select! {
                        channels[0].0 <- variable => {}
                        channels[1].0 <- Counted::new(&alive) => {}
                    }
                }
            });
            assert_eq!(alive.load(SeqCst), 2);
            let received = channels[chosen].1.recv().unwrap();
            select.join().unwrap();
            assert_eq!(alive.load(SeqCst), 1, "the loser");
            drop(received);
            assert_eq!(alive.load(SeqCst), 0);
        }
    }

    // SE17, SE24
    fn a_value_that_cannot_be_sent_is_dropped_once() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (closed, _rx) = bounded(1);
        closed.close();
        let value = Counted::new(&alive);
        assert!(gort::recover(|| select! { closed <- value => {} }).is_err());
        assert_eq!(alive.load(SeqCst), 0, "a variable");
        assert!(gort::recover(|| select! { closed <- Counted::new(&alive) => {} }).is_err());
        assert_eq!(alive.load(SeqCst), 0, "a temporary");
        let value = Counted::new(&alive);
        select! { r = closed <- value => assert!(r.is_err() && alive.load(SeqCst) == 1) }
        assert_eq!(alive.load(SeqCst), 0, "a result");
    }

    // The variable can be used in the other arms and after the select.
    fn a_variable_moves_only_if_its_arm_is_chosen() {
        let (full, _full_rx) = bounded::<String>(0);
        let (tx, rx) = bounded::<String>(1);
        let v = String::from("v");
        let v = select! { full <- v => String::new(), default => v };
        let mut tries = 0;
        let kept = loop {
            select! {
                full <- v => panic!("is full"),
                after(Duration::from_millis(1)) => tries += 1,
            }
            if tries == 2 {
                break v;
            }
        };
        select! { full <- kept => {} tx <- kept => {} }
        assert_eq!(rx.recv().as_deref(), Ok("v"));
    }

    // A variable that was sent can be assigned again.
    fn a_sent_variable_can_be_filled_again() {
        let (tx, rx) = bounded(1);
        let idle = never::<()>();
        let mut pending = String::from("0");
        for i in 1..5 {
            select! { tx <- pending => pending = i.to_string(), <-idle => panic!("idle") }
            assert_eq!(rx.recv(), Ok((i - 1).to_string()));
        }
        assert_eq!(pending, "4");
    }

    // A variable must have the channel's type. Other values are converted like arguments.
    fn values_are_converted_like_arguments() {
        let (tx, rx) = unbounded::<Box<dyn Fn(i32) -> i32>>();
        select! { tx <- Box::new(|x| x + 1) => {} }
        assert_eq!(rx.recv().unwrap()(1), 2);
        let (owned, r) = (String::from("abc"), "abc");
        let (tx, rx) = unbounded::<&str>();
        select! { tx <- &owned => {} }
        select! { tx <- r => {} }
        select! { tx <- (r), if true => {} }
        assert_eq!((rx.try_iter().collect::<String>().as_str(), r), ("abcabcabc", "abc"));
        let (tx, rx) = unbounded::<fn(i32) -> i32>();
        let f = i32::abs;
        select! { tx <- (f) => {} }
        assert_eq!(rx.recv().unwrap()(-3), 3);
        let (tx, rx) = unbounded::<Option<i32>>();
        select! { tx <- None => {} }
        assert_eq!(rx.recv(), Ok(None));
    }

    // SE39
    fn operands_may_be_temporaries_references_boxes_or_derefs() {
        fn make<T>(value: T) -> T {
            value
        }
        let (tx, rx) = unbounded();
        for i in 0..3 {
            select! { &&&tx <- i => {} }
            select! { Box::new(&tx) <- i => {} }
            select! { make(tx.clone()) <- i => {} }
            select! { Rc::new(Arc::new(tx.clone())) <- i => {} }
            select! { Wrapper(tx.clone()) <- i => {} }
            select! { Some(&tx) <- i => {} }
            let received = [
                select! { v = <-&&&rx => v },
                select! { v = <-Box::new(rx.clone()) => v },
                select! { v = <-make(rx.clone()) => v },
                select! { v = <-Rc::new(Arc::new(&rx)) => v },
                select! { v = <-Wrapper(Wrapper(rx.clone())) => v },
                select! { v = <-[&rx, &never()][0] => v },
            ];
            assert_eq!(received, [Ok(i); 6]);
        }
    }

    // A place expression on the channel side is borrowed.
    fn channels_may_be_fields_and_elements() {
        struct Peer {
            tx: Option<Sender<i32>>,
            idle: Vec<Receiver<i32>>,
        }
        let (tx, rx) = bounded(1);
        let peer = Peer { tx: Some(tx), idle: vec![never()] };
        let v = 4;
        select! { peer.tx <- v => {} <-peer.idle[0] => panic!("idle") }
        assert_eq!((rx.recv(), v), (Ok(4), 4));
        drop(peer);
    }
}

// SE24: a sent variable has moved, so a destructor that panics before the select forgets the
// variable is fatal.
#[test]
fn a_panic_between_the_choice_and_the_move_aborts() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("destructor");
        }
    }
    match role().as_deref() {
        Some("bomb") => gort::runtime::run(|| {
            let (tx, _rx) = unbounded();
            let (value, idle) = (String::from("sent"), never::<()>());
            drop(gort::recover(
                || select! { tx <- value => {} <-(&idle, Bomb).0 => {} },
            ));
        }),
        Some(_) => {}
        None => {
            let name = concat!(
                module_path!(),
                "::a_panic_between_the_choice_and_the_move_aborts"
            );
            let ended = run_child(name, "bomb", &[]);
            assert!(!ended.status.success(), "{}", ended.stdout);
            assert!(
                ended.status.code().is_none(),
                "ended by a signal: {}",
                ended.status
            );
            assert!(ended.stderr.contains("sent a variable"), "{}", ended.stderr);
        }
    }
}
