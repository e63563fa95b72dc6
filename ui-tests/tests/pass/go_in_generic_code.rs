// `go!` in generic functions and methods.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

fn spread<T, F>(values: Vec<T>, f: F) -> Vec<T>
where
    T: Send + 'static,
    F: Fn(T) -> T + Clone + Send + 'static,
{
    let handles: Vec<_> = values
        .into_iter()
        .map(|value| go!(clone [f]; f(value)))
        .collect();
    handles
        .into_iter()
        .filter_map(|handle| handle.join().ok())
        .collect()
}

struct Stage<T> {
    out: Sender<T>,
}

impl<T: Send + 'static> Stage<T> {
    fn feed(self, value: T) {
        assert!(self.out.send(value).is_ok());
    }

    fn start(&self, value: T) -> JoinHandle<()> {
        let stage = Stage {
            out: self.out.clone(),
        };
        go!(stage.feed(value))
    }
}

impl<T> Stage<T> {
    fn new() -> (Self, Receiver<T>) {
        let (out, rx) = unbounded();
        (Self { out }, rx)
    }
}

#[gort::main]
pub(crate) fn main() {
    assert_eq!(spread(vec![1, 2, 3], |x| x * x), [1, 4, 9]);
    let (stage, rx) = Stage::new();
    stage.start("value");
    assert_eq!(rx.recv(), Ok("value"));
}
