//! Exists so that `links` in Cargo.toml forbids two schedulers in one program.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
