// Each schedule runs in a bubble of its own.
#[gort::test(bubble, explore = 1_000)]
fn sleeps() {
    gort::time::sleep(std::time::Duration::from_secs(3600));
}

fn main() {}
