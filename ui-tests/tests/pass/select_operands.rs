// The operands that are allowed on either side of `<-`.
#![deny(warnings, clippy::pedantic)]

use gort::channel::never;
use gort::prelude::*;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

struct Feed {
    inner: Receiver<u32>,
}

impl Deref for Feed {
    type Target = Receiver<u32>;

    fn deref(&self) -> &Receiver<u32> {
        &self.inner
    }
}

struct Pair {
    ends: [(Sender<u32>, Receiver<u32>); 1],
}

impl Pair {
    fn rx(&self) -> &Receiver<u32> {
        &self.ends[0].1
    }
}

pub(crate) fn main() {
    let (tx, rx) = unbounded::<u32>();
    let feed = Feed { inner: rx.clone() };
    let off: Option<Receiver<u32>> = None;
    let locked = Mutex::new(rx.clone());
    let guarded = Mutex::new(rx.clone());
    let shared = Arc::new(Some(tx.clone()));
    let pair = Pair {
        ends: [(tx.clone(), rx.clone())],
    };
    for value in 0..8 {
        select! { shared <- value => {} }
    }
    select! { Some(tx.clone()) <- 8 => {} }
    select! { &&tx <- u32::from(-1_i32 < 0) => {} }
    select! { pair.ends[0].0 <- 10 => {} }
    let mut sum = 0;
    for _ in 0..11 {
        sum += select! {
            value = <-off => value.unwrap(),
            value = <-never::<u32>() => value.unwrap(),
            value = <-feed => value.unwrap(),
            value = <-&feed => value.unwrap(),
            value = <-Some(&rx) => value.unwrap(),
            value = <-*locked.lock() => value.unwrap(),
            value = <-guarded.lock() => value.unwrap(),
            value = <-Rc::new(rx.clone()) => value.unwrap(),
            value = <-Box::new(&rx) => value.unwrap(),
            value = <-pair.ends[0].1 => value.unwrap(),
            value = <-pair.rx() => value.unwrap(),
            value = <-if sum > 9 { &rx } else { pair.rx() } => value.unwrap(),
        };
    }
    assert_eq!(sum, 28 + 8 + 1 + 10);
}
