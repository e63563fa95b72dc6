//! Every program in `tests/ui` must be rejected with exactly the message that is recorded next to
//! it.
//!
//! The messages depend on the version of rustc, so they are compared only on the pinned toolchain.
//! After a deliberate change, `TRYBUILD=overwrite cargo test -p gort-ui-tests` records the messages
//! again and updates the table in the README. `pass.rs` has the programs that must compile.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// The channel in `rust-toolchain.toml`.
const PINNED: &str = "1.95.0";

/// Texts that no recorded message may contain, because they differ between machines. (Some come
/// with std's source, which rustc shows only where it is installed.)
const UNSTABLE: [&str; 4] = ["$RUST", "$CARGO", "/rustc/", "/home/"];

/// The head of the table in the README.
const TABLE: &str = "| mistake | message |\n|---|---|\n";

#[test]
fn messages_are_as_recorded() {
    if let Some(version) = other_compiler() {
        eprintln!("skipped: the messages are those of rustc {PINNED}, this is {version}");
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*/*.rs");
    // Dropping `cases` compiles the programs. `check_records` needs the messages that this records.
    drop(cases);
    if let Err(e) = check_records() {
        panic!("cannot read the recorded messages: {e}");
    }
}

/// Returns the version of the compiler that trybuild will call, if it is not the pinned one.
fn other_compiler() -> Option<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = match Command::new(&rustc).arg("-V").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(e) => panic!("cannot run {}: {e}", rustc.display()),
    };
    (version.split(' ').nth(1) != Some(PINNED)).then_some(version)
}

/// Checks that the recorded messages are the same on every machine, and that the README lists all
/// of them. If the messages are being recorded, writes the README's list instead.
fn check_records() -> io::Result<()> {
    let mut table = TABLE.to_owned();
    for file in recorded()? {
        let text = fs::read_to_string(&file)?;
        for unstable in UNSTABLE {
            assert!(
                !text.contains(unstable),
                "{} contains {unstable}",
                file.display()
            );
        }
        assert!(!text.contains("warning:"), "{} warns", file.display());
        let name = file.with_extension("");
        let name = name.strip_prefix("tests/ui").unwrap_or(&name);
        let message = text.lines().next().unwrap_or_default().replace('|', "\\|");
        table.push_str(&format!("| {} | {message} |\n", name.display()));
    }
    let readme = fs::read_to_string("README.md")?;
    let (before, listed) = readme.split_once(TABLE).unwrap_or((&readme, ""));
    if env::var_os("TRYBUILD").is_some_and(|mode| mode == "overwrite") {
        return fs::write("README.md", format!("{before}{table}"));
    }
    assert!(
        format!("{TABLE}{listed}") == table,
        "the table in README.md is out of date; write it with `TRYBUILD=overwrite cargo test -p gort-ui-tests`"
    );
    Ok(())
}

/// Returns the files with recorded messages, in order.
fn recorded() -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for group in fs::read_dir("tests/ui")? {
        for file in fs::read_dir(group?.path())? {
            let file = file?.path();
            if file
                .extension()
                .is_some_and(|extension| extension == "stderr")
            {
                assert!(
                    file.with_extension("rs").exists(),
                    "{} has no program",
                    file.display()
                );
                files.push(file);
            }
        }
    }
    files.sort();
    Ok(files)
}
