// A variable moves only in the chosen arm; a field would move out of the reference before that.
use gort::prelude::*;

struct Job {
    name: String,
}

fn announce(tx: &Sender<String>, job: &Job) {
    select! {
        tx <- job.name => {}
    }
}

fn main() {
    let (tx, _rx) = bounded(1);
    let job = Job { name: String::new() };
    announce(&tx, &job);
}
// fix: `tx <- job.name.clone() => {}`.
