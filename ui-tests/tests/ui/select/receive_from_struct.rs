// The struct is not a channel, although it contains one.
use gort::prelude::*;

struct Job {
    done: Receiver<u32>,
}

fn main() {
    let (_tx, done) = bounded::<u32>(1);
    let job = Job { done };
    select! {
        <-job => {}
    }
}
// fix: `<-job.done => {}`.
