// `clone` takes names, not expressions.
use gort::prelude::*;

struct Server {
    tx: Sender<u32>,
}

fn start(server: &Server) {
    go!(clone [server.tx]; tx.send(1));
}

fn main() {
    let (tx, _rx) = bounded(1);
    start(&Server { tx });
}
