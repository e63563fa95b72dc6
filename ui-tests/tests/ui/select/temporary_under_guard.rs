// In an arm with a guard, temporaries are dropped before the select waits, as after a `let`.
use gort::prelude::*;

struct Pool {
    idle: Receiver<u32>,
}

fn pool() -> Mutex<Pool> {
    let (_tx, idle) = bounded(1);
    Mutex::new(Pool { idle })
}

fn first(pool: &Mutex<Pool>) -> &Receiver<u32> {
    drop(pool.lock());
    unimplemented!()
}

fn main() {
    select! {
        <-first(&pool()), if true => {}
    }
}
// fix: before the select, bind the value that the reference points to with a `let`.
