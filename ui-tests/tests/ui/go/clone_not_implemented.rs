// The value cannot be cloned.
use gort::prelude::*;

struct Socket;

fn serve(socket: Socket) {
    drop(socket);
}

fn main() {
    let socket = Socket;
    go!(clone [socket]; serve(socket));
}
// fix: derive `Clone`, or share the value: first write `let socket = Arc::new(socket);`.
