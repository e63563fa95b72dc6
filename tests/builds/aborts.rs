//! What works with `panic = "abort"`, and what does not.

use gort::prelude::*;
use gort::{current, defer, recover, scope};

#[gort::main]
fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("works") => works(),
        Some("panics") => drop(go!(name = "parser"; || panic!("line 7 is wrong")).join()),
        Some("recovers") => drop(recover(|| panic!("line 8 is wrong"))),
        Some("exits") => drop(go!(move || goexit()).join()),
        other => panic!("no program {other:?}"),
    }
    println!("main goes on");
}

fn works() {
    let (tx, rx) = bounded(0);
    let (done_tx, done) = bounded::<()>(1);
    let sends = go!(move || {
        defer! { done_tx.send(()).unwrap(); }
        (0..10).for_each(|i| tx.send(i).unwrap());
        current().id()
    });
    let mut sum = 0;
    loop {
        select! {
            Ok(i) = <-rx else { break } => sum += i,
            after(Duration::from_secs(60)) => panic!("late"),
        }
    }
    assert_eq!((sum, done.recv()), (45, Ok(())));
    let id = sends.goroutine().id();
    assert_eq!(sends.join().unwrap(), id);
    assert_eq!(recover(|| 1).unwrap(), 1);
    let numbers = &Mutex::new(Vec::new());
    scope(|s| {
        for i in 0..10 {
            s.spawn(move || numbers.lock().push(i));
        }
    });
    assert_eq!(numbers.lock().len(), 10);
}
