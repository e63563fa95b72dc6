// `with_timeout` returns the context and a handle that cancels it.
use gort::context::Context;
use gort::prelude::*;

fn main() {
    let ctx: Context = Context::background().with_timeout(Duration::from_secs(1));
    drop(ctx);
}
// fix: `let (ctx, cancel) = …`.
