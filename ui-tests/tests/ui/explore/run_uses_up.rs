// The function is called once for each schedule.
use gort::explore::Options;
use gort::prelude::*;

fn main() {
    let (tx, rx) = bounded(1);
    let report = Options::new().run(move || {
        go!(move || tx.send(1));
        assert_eq!(rx.recv(), Ok(1));
    });
    println!("{report:?}");
}
// fix: create the channel inside the function, so that each schedule has its own.
