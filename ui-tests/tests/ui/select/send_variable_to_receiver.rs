// A receiver does not send (here with a variable, which would move).
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<String>(1);
    let name = String::from("gopher");
    select! {
        rx <- name => {}
    }
}
// fix: `tx <- name => {}`.
