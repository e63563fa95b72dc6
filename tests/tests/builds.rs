//! FT07: gort works in programs that are built differently from the tests: inside a Rust `dylib`,
//! and with `panic = "abort"`.
//!
//! The programs' sources are in `tests/builds`. Each way to build has a workspace and a target
//! folder of its own, below the folder that cargo provides for files of tests.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort_tests::{Ended, run_program};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of this package.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Returns the `[package]` section of a manifest.
fn package(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n")
}

/// Builds a workspace of these packages (name, rest of the manifest, source), with the versions in
/// gort's Cargo.lock. Returns the folder that cargo puts the programs into.
fn build(name: &str, settings: &str, flags: &str, packages: &[(&str, &str, &str)]) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let members: Vec<_> = packages.iter().map(|(name, ..)| *name).collect();
    fs::create_dir_all(&root).unwrap();
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = {members:?}\n\
         [workspace.dependencies]\ngort = {{ path = \"{HERE}/../gort\" }}\n{settings}"
    );
    fs::write(root.join("Cargo.toml"), manifest).unwrap();
    fs::copy(
        Path::new(HERE).join("../Cargo.lock"),
        root.join("Cargo.lock"),
    )
    .unwrap();
    for (name, rest, source) in packages {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        let source = format!("path = \"{HERE}/builds/{source}\"\n");
        let manifest = package(name) + &rest.replace("SOURCE", &source);
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    }
    let built = Command::new(env!("CARGO"))
        .args(["build", "--offline"])
        .current_dir(&root)
        .env("CARGO_TARGET_DIR", root.join("target"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("RUSTFLAGS", flags)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{stderr}");
    root.join("target/debug")
}

fn sysroot() -> PathBuf {
    let rustc = Command::new("rustc")
        .args(["--print", "target-libdir"])
        .output()
        .unwrap();
    String::from_utf8(rustc.stdout).unwrap().trim().into()
}

// FT07
#[test]
fn gort_works_inside_a_rust_dylib() {
    let built = build(
        "dylib",
        "",
        "-C prefer-dynamic",
        &[
            (
                "plugin",
                "[lib]\ncrate-type = [\"dylib\"]\nSOURCE[dependencies]\ngort.workspace = true\n",
                "dylib_plugin.rs",
            ),
            (
                "program",
                "[[bin]]\nname = \"program\"\nSOURCE[dependencies]\nplugin.path = \"../plugin\"\n",
                "dylib_program.rs",
            ),
        ],
    );
    let libraries = std::env::join_paths([built.join("deps"), sysroot()]).unwrap();
    for procs in ["1", "2", "8"] {
        let mut program = Command::new(built.join("program"));
        program
            .env("LD_LIBRARY_PATH", &libraries)
            .env("GORT_MAXPROCS", procs);
        let ended = run_program(&mut program, "a program with gort in a dylib");
        assert!(
            ended.status.success() && ended.stdout == "total 9900\n",
            "{ended:?}"
        );
    }
}

// FT07
#[test]
fn with_panic_abort_a_panic_ends_the_process_and_goexit_says_that_it_cannot_work() {
    let built = build(
        "aborts",
        "[profile.dev]\npanic = \"abort\"\n",
        "",
        &[(
            "program",
            "[[bin]]\nname = \"program\"\nSOURCE[dependencies]\ngort.workspace = true\n",
            "aborts.rs",
        )],
    );
    let run =
        |what: &str| -> Ended { run_program(Command::new(built.join("program")).arg(what), what) };
    let works = run("works");
    assert!(
        works.status.success() && works.stdout == "main goes on\n",
        "{works:?}"
    );
    for (what, message) in [
        ("panics", "line 7 is wrong"),
        ("recovers", "line 8 is wrong"),
    ] {
        let ended = run(what);
        assert!(
            ended.status.signal() == Some(libc::SIGABRT)
                && ended.stderr.contains(message)
                && ended.stdout.is_empty(),
            "{ended:?}"
        );
    }
    let exits = run("exits");
    assert!(
        exits.status.code() == Some(2)
            && exits.stderr.starts_with("fatal: `goexit` ")
            && exits.stderr.contains("panic = \"abort\"")
            && exits
                .stderr
                .contains("return from the goroutine's function instead")
            && exits.stdout.is_empty(),
        "{exits:?}"
    );
}
