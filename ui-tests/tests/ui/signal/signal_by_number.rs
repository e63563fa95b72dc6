// A signal is not given by its number.
use gort::signal::notify;

fn main() {
    let signals = notify(&[15]);
    println!("{:?}", signals.recv());
}
// fix: name it: `notify(&[Signal::SIGTERM])`.
