// Not a channel, though it has one: `<-job.done` receives.
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
