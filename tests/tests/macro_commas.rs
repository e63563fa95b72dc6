//! Tests the forms of `go!` and `defer!` with commas: what they do, and that rustfmt formats them.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort_tests::claims;
use std::cell::Cell;
use std::env;
use std::fs;
use std::process::{self, Command};
use std::sync::Arc;

claims! {
    fn options_and_body_are_a_list() {
        let (tx, rx) = unbounded();
        let wg = WaitGroup::new();
        wg.add(3);
        let named = go!(clone(tx, wg), name = "reader", stack = 128 << 10, {
            tx.send(1).unwrap();
            wg.done();
            gort::current()
        });
        assert_eq!(named.join().unwrap().name(), Some("reader"));
        // This form moves the clones without `move`.
        go!(clone(tx, wg), || {
            tx.send(2).unwrap();
            wg.done();
        });
        go!(name = "caller", clone(wg), wg.done(),);
        wg.wait();
        go!(clone(tx); tx.send(3)).join().unwrap().unwrap();
        assert_eq!((rx.recv(), rx.recv(), rx.recv()), (Ok(1), Ok(2), Ok(3)));
    }

    fn a_scope_is_an_option_like_others() {
        let numbers = [1, 2, 3];
        let shared = Arc::new(4);
        let sum = gort::scope(|s| {
            let borrowing = go!(scope(s), || numbers.iter().sum::<i32>());
            let cloning = go!(scope(s), name = "cloning", clone(shared), || *shared);
            borrowing.join().unwrap() + cloning.join().unwrap()
        });
        assert_eq!((sum, *shared), (10, 4));
    }

    fn functions_that_are_named_like_options_are_called() {
        fn scope(n: i32) -> i32 {
            n
        }
        fn name(n: i32) -> i32 {
            n
        }
        let all = [go!(scope(1)), go!(name(2),), go!(name = "scope", scope(3))];
        assert_eq!(all.map(|one| one.join().unwrap()), [1, 2, 3]);
    }

    fn a_deferred_block_may_stand_in_parentheses() {
        let steps = Cell::new(0);
        {
            defer!({ steps.set(steps.get() * 10) });
            defer!({
                steps.set(steps.get() + 1);
            });
            assert_eq!(steps.get(), 0);
        }
        assert_eq!(steps.get(), 10);
    }
}

const BADLY: &str = "\
fn f() {
    go!( clone( tx,rx ),name=\"reader\" ,stack=N,{
    tx.send( 1 ) ;
            rx.recv( );
    });
    go!(clone(tx),||{tx.send(1);tx.send(2)});
    go!( scope(s),||work( &numbers ) );
    defer!({   done( ) ;
    });
}
";

const WELL: &str = "\
fn f() {
    go!(clone(tx, rx), name = \"reader\", stack = N, {
        tx.send(1);
        rx.recv();
    });
    go!(clone(tx), || {
        tx.send(1);
        tx.send(2)
    });
    go!(scope(s), || work(&numbers));
    defer!({
        done();
    });
}
";

#[test]
fn rustfmt_formats_them() {
    let file = env::temp_dir().join(format!("gort_rustfmt_{}.rs", process::id()));
    fs::write(&file, BADLY).unwrap();
    let formatted = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=100"])
        .arg(&file)
        .output();
    let text = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    match formatted {
        Ok(output) if output.status.success() => assert_eq!(text, WELL),
        // rustup provides a `rustfmt` command even if the toolchain has none.
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("not installed") => {
            eprintln!("skipped: rustfmt is not installed");
        }
        Ok(output) => panic!("{output:?}"),
        Err(e) => eprintln!("skipped: rustfmt cannot be run: {e}"),
    }
}
