// Results of a scope and of its goroutines, and a channel of references between them.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

fn longest(words: &[String]) -> Option<&String> {
    let (left, right) = words.split_at(words.len() / 2);
    let (left, right) = gort::scope(|s| {
        let left = go!(in s; || left.iter().max_by_key(|word| word.len()));
        let right = go!(in s; || right.iter().max_by_key(|word| word.len()));
        (left.join().unwrap(), right.join().unwrap())
    });
    left.into_iter().chain(right).max_by_key(|word| word.len())
}

#[gort::main]
pub(crate) fn main() {
    let words = ["go", "select", "defer"].map(String::from);
    assert_eq!(longest(&words).unwrap(), "select");

    let (tx, rx) = bounded::<&str>(0);
    let words = &words;
    gort::scope(|s| {
        go! { in s, clone [tx];
            for word in words {
                tx.send(word).unwrap();
            }
        };
        drop(tx);
        assert_eq!(rx.iter().count(), 3);
    });
}
