// A test that runs under no schedule tests nothing.
#[gort::test(explore = 0)]
fn is_never_run() {
    unreachable!();
}

fn main() {}
