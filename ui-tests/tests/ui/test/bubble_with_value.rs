// `bubble` is present or absent.
#[gort::test(bubble = true)]
fn takes_no_time() {
    gort::time::sleep(std::time::Duration::from_secs(3600));
}

fn main() {}
// fix: `#[gort::test(bubble)]`.
