// A goroutine-local value is borrowed for a call.
gort::goroutine_local! {
    static NAME: String = "name".to_owned();
}

fn main() {
    let name: &'static str = NAME.with(|name| name.as_str());
    println!("{name}");
}
// fix: `NAME.with(|name| name.clone())`.
