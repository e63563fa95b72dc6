// Sent once, it is gone.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<String>(1);
    let name = String::from("gopher");
    loop {
        select! {
            tx <- name => {}
        }
    }
}
