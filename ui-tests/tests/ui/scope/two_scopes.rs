// `scope(…)` takes one scope, not two values.
fn main() {
    gort::scope(|s| {
        gort::scope(|t| {
            gort::go!(scope(s, t), || 1);
        });
    });
}
