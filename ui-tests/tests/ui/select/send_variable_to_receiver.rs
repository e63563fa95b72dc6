// A receiver does not send, and a variable sent to it would be moved.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<String>(1);
    let name = String::from("gopher");
    select! {
        rx <- name => {}
    }
}
// fix: `tx <- name => {}`.
