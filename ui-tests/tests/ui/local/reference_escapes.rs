// A goroutine-local value is borrowed only during the call.
gort::goroutine_local! {
    static NAME: String = "name".to_owned();
}

fn main() {
    let name: &'static str = NAME.with(|name| name.as_str());
    println!("{name}");
}
// fix: `NAME.with(|name| name.clone())`.
