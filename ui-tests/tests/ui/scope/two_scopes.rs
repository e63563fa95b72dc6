// Two values where one scope is meant.
fn main() {
    gort::scope(|s| {
        gort::scope(|t| {
            gort::go!(scope(s, t), || 1);
        });
    });
}
