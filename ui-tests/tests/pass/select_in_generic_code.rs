// Generic functions, lifetimes, methods, closures.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;
use std::fmt::Debug;

fn either<T>(left: &Receiver<T>, right: &Receiver<T>) -> Option<T> {
    select! {
        value = <-left => value.ok(),
        value = <-right => value.ok(),
    }
}

fn forward<T: Clone + Debug, const N: usize>(tx: &Sender<T>, values: &[T; N]) {
    for value in values {
        select! {
            sent = tx <- value.clone() => sent.unwrap(),
        }
    }
}

struct Words<'r, 'a> {
    rx: &'r Receiver<&'a str>,
    tx: Option<Sender<&'a str>>,
}

impl<'a> Words<'_, 'a> {
    fn next(&self) -> Option<&'a str> {
        select! {
            Ok(word) = <-self.rx else { None } => Some(word),
            default => None,
        }
    }

    fn put(&self, word: &'a str) -> bool {
        select! {
            self.tx <- word => true,
            default => false,
        }
    }
}

fn boxed<'a, T: 'a>(rx: &'a Receiver<T>) -> Box<dyn Fn() -> Option<T> + 'a> {
    Box::new(move || {
        select! {
            value = <-rx => value.ok(),
        }
    })
}

pub(crate) fn main() {
    let (tx, rx) = bounded(4);
    forward(&tx, &["a", "b"]);
    assert!(either(&rx, &rx).is_some());
    let text = String::from("c");
    let words = Words {
        rx: &rx,
        tx: Some(tx),
    };
    assert!(words.put("d") && words.next() == Some("b") && words.next() == Some("d"));
    assert_eq!(words.next(), None);
    let Words { tx, .. } = words;
    tx.unwrap().send("e").unwrap();
    assert_eq!(boxed(&rx)(), Some("e"));
    assert_eq!(boxed(&rx)(), None);
    drop(text);
}
