// A value that is sent must live as long as the receiver may use it.
use gort::prelude::*;

fn main() {
    let (tx, rx) = bounded::<&String>(1);
    {
        let name = String::from("gopher");
        tx.send(&name).unwrap();
    }
    println!("{:?}", rx.recv());
}
// fix: send the value itself, or create it before the channel.
