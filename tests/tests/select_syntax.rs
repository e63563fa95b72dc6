//! The forms of arms that `select!` accepts, and what its expansion must leave alone.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::never;
use gort::prelude::*;
use gort_tests::claims;
use std::ops::Deref;
use std::rc::Rc;

/// A user-defined handle.
struct Wrapper<T>(T);

impl<T> Deref for Wrapper<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

claims! {
    // An arm binds the result, destructures it by a pattern with an else block, or binds nothing.
    fn a_receive_arm_binds_a_result_or_destructures_it() {
        let (tx, rx) = unbounded();
        (1..=4).for_each(|i| tx.send((i, "x")).unwrap());
        assert_eq!(select! { v = <-rx => v }, Ok((1, "x")));
        select! { <-rx => {} }
        assert_eq!(select! { Ok((n, _)) = <-rx else { 0 } => n }, 3);
        assert_eq!(select! { Ok((1, text)) = <-rx else { "other" } => text }, "other");
        tx.close();
        assert_eq!(select! { Ok((n, _)) = <-rx else { 0 } => n }, 0);
        select! { v = <-rx => assert_eq!(v, Err(RecvError)) }
    }

    // A send arm binds and destructures its result in the same way.
    fn a_send_arm_binds_a_result_or_destructures_it() {
        let (tx, rx) = bounded(1);
        assert_eq!(select! { r = tx <- 1 => r }, Ok(()));
        tx.close();
        assert_eq!(select! { Err(SendError(v)) = tx <- 2 else { 0 } => v }, 2);
        assert_eq!(select! { Ok(()) = tx <- 3 else { "closed" } => "sent" }, "closed");
        assert!(rx.iter().eq([1]));
    }

    // The bodies of all arms have the select's type.
    fn a_select_is_an_expression() {
        let (tx, _rx) = unbounded();
        let text: String = select! {
            <-never::<()>() => "received".into(),
            tx <- () => "sent".to_owned(),
            default => unreachable!(),
        };
        assert_eq!(text, "sent");
        let number = 1 + select! { _ = <-never::<()>() => unreachable!(), default => 7 };
        assert_eq!(number, 8);
    }

    // Commas are needed after bodies that are not blocks, as in `match`.
    fn arms_are_separated_as_in_match() {
        let rx = never::<i32>();
        assert_eq!(select! { <-rx => { 1 } <-rx => 2, <-rx => { 3 }, default => 4 }, 4);
        assert_eq!(select! { <-rx => 1, default => 2, }, 2);
    }

    // SE36
    fn crossbeams_arms_are_understood() {
        let (s, r) = unbounded::<i32>();
        select! {
            send(s, 0) -> sent => sent.unwrap(),
            recv(never::<i32>()) -> _ => panic!("is never ready"),
        }
        let x = 5;
        select! { send(s, x) -> _ => {} }
        select! { send(s, x + 1) -> _, if x == 5 => {} default => panic!("there is room") }
        select! { recv(r) -> v, if x == 5 => assert_eq!(v, Ok(0)) }
        select! { recv(r) -> v => assert_eq!(v, Ok(5)), default(Duration::from_secs(9)) => panic!() }
        select! { recv(r) -> _ => {} <-r => {} default() => panic!("there is a value") }
        select! { recv(r) -> _ => panic!("is empty"), default(Duration::ZERO) => {} }
        drop(s);
        select! { recv(r) -> v => assert!(v.is_err()), default => panic!("is disconnected") }
    }

    // SE36, SE39
    fn crossbeams_arms_take_the_same_operands() {
        let (s, r) = unbounded::<i32>();
        let (s, r) = (Wrapper(s), Wrapper(r));
        select! { send(s, 0) -> _ => {} }
        select! { recv(r) -> v => assert_eq!(v, Ok(0)) }
        let (s, r) = (Box::new(s), Rc::new(r));
        select! { send(*s, 1) -> _ => {} }
        select! { recv(*r) -> v => assert_eq!(v, Ok(1)) }
        select! { send(s, 2) -> _ => {} }
        select! { recv(r) -> v => assert_eq!(v, Ok(2)) }
        let (s, r) = unbounded::<i32>();
        select! { send(&&&&s, 3) -> _ => {} }
        select! { recv(&&&&r) -> v => assert_eq!(v, Ok(3)) }
        select! { recv([&never(), &r][1]) -> _ => panic!("is empty"), default => {} }
        let (take_s, take_r) = (move || s, move || r);
        select! { send(take_s(), 4) -> _ => {} }
        select! { recv(take_r()) -> v => assert_eq!(v, Ok(4)) }
    }

    // An arm may have attributes.
    fn an_arm_may_be_configured_away() {
        let (tx, rx) = unbounded::<i32>();
        tx.send(1).unwrap();
        let v = select! {
            #[cfg(not(test))]
            v = <-nothing => v,
            #[cfg(test)]
            v = <-rx => v,
            #[cfg(not(test))]
            default => Err(RecvError),
            #[expect(unused_variables, reason = "that this reaches the arm is the test")]
            unused = <-never::<()>() => unreachable!(),
            #[cfg(test)]
            after(Duration::from_secs(3600)) => panic!("there is a value"),
        };
        assert_eq!(v, Ok(1));
        let value = String::from("kept");
        select! {
            #[cfg(not(test))]
            gone <- value => {}
            #[cfg(test)]
            default => assert_eq!(value, "kept"),
        }
        let (tx, rx) = unbounded::<String>();
        select! {
            #[cfg(test)]
            tx <- value => {}
            #[cfg(not(test))]
            default => drop(value),
        }
        assert_eq!(rx.recv().as_deref(), Ok("kept"));
    }

    fn select_works_inside_macro_rules() {
        macro_rules! relay {
            ($tx:expr, $v:expr, $rx:expr) => {
                select! { $tx <- $v => 1, x = <-$rx => x.unwrap() }
            };
        }
        let (tx, rx) = unbounded::<String>();
        let v = String::from("m");
        assert_eq!(relay!(tx, v, never::<i32>()), 1);
        assert_eq!(rx.recv().as_deref(), Ok("m"));
    }

    // Neither the user's code nor the expansion captures the other's names.
    fn the_users_names_and_the_macros_do_not_meet() {
        let (tx, rx) = unbounded();
        let (__out, __arm0, __operand0, __chosen, __result, __sent, __wait) = (1, 2, 3, 4, 5, 6, 7);
        tx.send(1).unwrap();
        let sum = select! {
            v = <-rx => v.unwrap() + __out + __arm0 + __operand0 + __chosen + __result + __sent,
            tx <- __wait, if __out > 1 => 0,
        };
        assert_eq!(sum, 22);
        #[derive(Debug, PartialEq)]
        enum Wait {
            Block,
        }
        let (tx, rx) = unbounded();
        select! { tx <- Wait::Block => {} default => panic!("there is room") }
        assert_eq!(rx.recv(), Ok(Wait::Block));
    }

    // TY: the values of an arm may be zero-sized.
    fn arms_carry_values_of_size_zero() {
        let (tx, rx) = bounded(1);
        let unit = ();
        for _ in 0..10 {
            select! { tx <- unit => {} <-rx => panic!("is empty") }
            select! { tx <- unit => panic!("is full"), v = <-rx => assert_eq!(v, Ok(())) }
        }
    }

    // SE42: for a static select.
    fn sixty_four_arms_work() {
        macro_rules! many {
            ($rx:ident: $($n:literal)*) => {
                select! { $( v = <-$rx[$n] => ($n, v), )* }
            };
        }
        let (tx, rx): (Vec<_>, Vec<_>) = (0..64).map(|_| unbounded()).unzip();
        (0..64).for_each(|i| tx[i].send(i).unwrap());
        let mut chosen = [false; 64];
        for _ in 0..64 {
            let (arm, v) = many!(rx:
                0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
                32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59
                60 61 62 63);
            assert_eq!(v, Ok(arm));
            assert!(!std::mem::replace(&mut chosen[arm], true), "{arm} twice");
        }
    }
}
