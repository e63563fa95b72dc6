//! The macros of gort: `go!`, `select!`, `defer!`, `#[gort::main]` and `#[gort::test]`.
//!
//! Users reach the macros through the facade `gort`; this crate is not meant to be used directly.
//! Each macro takes the same steps:
//!
//! ```text
//! tokens ─ parse ──► tree ─── valid ──► checked tree ── expand ──► tokens
//!           └─ syntax errors ─┴─ mistakes, collected in a Report ─► compile_error!, a fallback
//! ```
//!
//! The files:
//!
//! ```text
//! select/  parse head keyword ast    select!: arms · heads · keyword heads · the tree
//! select/  tail tokens               the end of a head · searching tokens
//! select/  valid operand expand      mistakes · the code around an arm's operands · the expansion
//! go/      parse valid clones expand  go!
//! entry/   args valid expand         #[gort::main] and #[gort::test]
//! defer                              defer!
//! awaits                             finds `.await` where nothing can be awaited
//! report paths manifest              mistakes · names in expansions · the user's name for gort
//! ```
//!
//! Every expansion keeps these rules:
//! 1. It names only `::gort::__macro::…` and `::core::…`, so it compiles under
//!    `#![no_implicit_prelude]`. `gort` stands for the name that the user's Cargo.toml gives to
//!    gort.
//! 2. It has no `unsafe` token with a span in the user's code, so it compiles under
//!    `#![forbid(unsafe_code)]`.
//! 3. The user's tokens keep their spans, and the expansion's own locals have `Span::mixed_site()`.
//!    Neither can capture the other.
//! 4. An operand is evaluated once, in source order. `?`, `return`, `break` and `continue` in an
//!    operand, or in the body of an arm of `select!`, act on the function around the macro.
//! 5. After a mistake a fallback that compiles follows the error, so that one mistake gives one
//!    message.
//! 6. Half-written code is in the expansion, in its place if that can be determined. The expansion
//!    passes on a body that syn cannot read: rustc says what is wrong with it, and rust-analyzer
//!    completes inside it.

use proc_macro::TokenStream;

mod awaits;
mod defer;
mod entry;
mod go;
mod manifest;
mod paths;
mod report;
mod select;

/// Starts a goroutine and returns its `JoinHandle`. Go's `go` statement.
///
/// ```text
/// go!(f(a, b));            // evaluates callee and arguments now; the goroutine makes the call
/// go!(conn.serve(db));     // also evaluates the receiver now, and moves it into the goroutine
/// go! { … };               // runs a block; moves the variables that it names
/// go!(move || …);          // calls a closure without parameters
/// go!(clone(tx, wg), …);   // first `let tx = tx.clone();` for each name, then any form above
/// go!(name = "reader", stack = 64 * 1024, …);   // a name for dumps, the size of the stack
/// go!(scope(s), …);        // in `gort::scope(|s| …)`: may borrow, returns a `ScopedJoinHandle`
/// ```
///
/// Options come before the body, in any order. With `clone(…)` a closure moves even without the
/// word `move`. rustfmt formats this form of the macro like the arguments of a function.
/// `go!(clone [tx, wg], name = "reader", in s; …)` means the same, with a `;` before the body; the
/// body may then be several statements. rustfmt leaves that form alone. The macro has a value, so
/// as a statement it ends with `;` even with braces. Dropping the handle detaches the goroutine.
///
/// `go! { f(x) }` with a single call and no `;` inside is the call form; anything else in braces is
/// a block. Calls and blocks move the variables that they name, even inside a scope. To borrow
/// there, write a closure without `move`, as in `go!(scope(s), || …)`, or pass references. An
/// argument that is itself a closure stays in the call, so that its parameter types are inferred.
///
/// A goroutine has no `async`: it blocks, and blocks only itself. To wait for a future, call
/// `gort::future::block_on`.
///
/// # Panics
///
/// Like `gort::spawn`, panics if there is no memory left for a stack.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// fn add(a: i32, b: i32) -> i32 {
///     a + b
/// }
///
/// let (tx, rx) = bounded(0);
/// let sum = go!(add(1, 2));
/// go!(name = "sender", clone(tx), { tx.send(3) });
/// assert_eq!(rx.recv(), Ok(3));
/// assert_eq!(sum.join().unwrap(), 3);
/// ```
#[proc_macro]
pub fn go(input: TokenStream) -> TokenStream {
    let delimiter = go::Delimiter::of_call_site();
    go::go(input.into(), delimiter).into()
}

/// Waits for several channel operations and performs exactly one of them. Go's `select` statement.
///
/// ```text
/// let r = select! {                        // an expression; every arm has its type
///     v = <-rx => …,                       // v: Result<T, RecvError>
///     Ok(v) = <-rx else { break } => …,    // a pattern that can fail, with an else block
///     <-done => …,                         // discards the value
///     tx <- value => …,                    // send; panics if the channel is closed
///     r = tx <- value => …,                // r: Result<(), SendError<T>>, no panic
///     v = <-rx, if ready => …,             // guard: if it is false, the arm is never ready
///     after(Duration::from_secs(1)) => …,  // time-out; at most one `after` or `default`
///     default => …,                        // if no arm is ready now
/// };
/// select! { biased; … }                    // first ready arm in source order, not random
/// select! {}                               // blocks for ever
/// ```
///
/// In a receive, the operand right of `<-` is anything `Selectable`, taken by reference. In a send,
/// the operand left of `<-` is a `Sender`, or a reference to, an `Option` of, or an `Arc` of one.
/// crossbeam's arms `recv(rx) -> v`, `send(tx, m) -> r`, `default` and `default(timeout)` may be
/// mixed in. An arm may have `#[cfg(…)]` and other attributes.
///
/// Operands are evaluated once, in source order, before the choice: the guard first, then the
/// channel, then the value. If the guard is false, the arm's other operands are not evaluated.
/// Temporaries in operands live until the choice is made, and are dropped before the chosen body
/// runs. In an arm with a guard or a `#[cfg]`, temporaries live only as long as those of a `let`
/// would: `<-self.lock().rx, if on` is fine, but the compiler rejects `<-pick(&make()), if on`.
///
/// # What is sent
///
/// A plain variable (`tx <- v`) moves only if its arm is chosen. The other arms, and the code after
/// the select, can still use it. The variable must have exactly the channel's item type. Every
/// other expression, even a parenthesised variable `(v)`, is a value: it is evaluated before the
/// choice, converted like an argument of a function, and dropped if its arm is not chosen. Only in
/// crossbeam's form, `send(tx, m) -> r`, is the value evaluated after the arm has been chosen, as
/// in crossbeam. A function or a lower-case constant is not a variable that can be moved: to send
/// one, write `(f)`.
///
/// In an operand, a comparison with a negative number needs a space, `a < -1`, since `<-` is always
/// the arrow.
///
/// # Panics
///
/// Panics with "send on closed channel" if a send arm without `r =` is chosen and the channel is
/// closed. The value is then still in its variable.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded(0);
/// let (_quit, done) = bounded::<()>(0);
/// go!(move || tx.send(1));
/// let got = select! {
///     v = <-rx => v.ok(),
///     <-done => None,
///     after(Duration::from_secs(10)) => panic!("nobody sends"),
/// };
/// assert_eq!(got, Some(1));
///
/// let (tx, _rx) = bounded(1);
/// let job = String::from("a job");
/// select! {
///     tx <- job => println!("it is in the queue"),
///     default => println!("no room for {job}, which is still ours"),
/// }
/// ```
#[proc_macro]
pub fn select(input: TokenStream) -> TokenStream {
    select::select(input.into(), select::Bias::Random).into()
}

/// Like `select! { biased; … }`, under crossbeam-channel's name.
///
/// Chooses the first ready arm in source order. For the arms and their rules see `select!`. Go has
/// no counterpart.
///
/// # Panics
///
/// Panics like `select!`.
///
/// # Examples
/// ```
/// use gort::channel::{select_biased, unbounded};
///
/// let (urgent, first) = unbounded();
/// let (normal, second) = unbounded();
/// normal.send("a letter").unwrap();
/// urgent.send("a fire").unwrap();
/// let got = select_biased! {
///     message = <-first => message,
///     message = <-second => message,
/// };
/// assert_eq!(got, Ok("a fire"));
/// ```
#[proc_macro]
pub fn select_biased(input: TokenStream) -> TokenStream {
    select::select(input.into(), select::Bias::Biased).into()
}

/// Runs a block at the end of the enclosing scope. Go's `defer` statement, but per scope, not per
/// function.
///
/// ```text
/// let file = open(path)?;
/// defer!({ log("closed") });       // rustfmt formats this
/// defer! { log("closed"); }        // the same
/// ```
///
/// The block runs when the scope is left in any way: at its end, through `return`, `?` or `break`,
/// through a panic, or through `goexit()`. Several blocks in one scope run in reverse order. The
/// block borrows the variables that it names until it runs. Its value is discarded. `return` and
/// `?` inside it leave only the block. If it panics while the goroutine already unwinds from a
/// panic, `gort::recover` and `join` return the new payload instead of the old one.
///
/// ```
/// use gort::prelude::*;
///
/// fn work(busy: &WaitGroup) -> Result<i32, std::num::ParseIntError> {
///     busy.add(1);
///     defer! { busy.done(); }
///     "not a number".parse()
/// }
///
/// let busy = WaitGroup::new();
/// assert!(work(&busy).is_err());
/// busy.wait();
/// ```
#[proc_macro]
pub fn defer(input: TokenStream) -> TokenStream {
    defer::defer(input.into()).into()
}

/// Runs `fn main` as the main goroutine.
///
/// ```text
/// #[gort::main]                                // or: #[gort::main(procs = 4, stack = 16 << 20)]
/// fn main() -> Result<(), Box<dyn Error + Send + Sync>> { … }
/// ```
///
/// `procs` is the number of goroutines that run at the same time (Go's `GOMAXPROCS`). `stack` is
/// the size of the main goroutine's stack in bytes. `thread_locals = "own"` gives each goroutine
/// its own thread-locals, so that no goroutine finds another one's values there (see the chapter
/// "Soundness" of the crate).
///
/// The function must be called `main`, takes no arguments, is not `async`, and may return any type
/// that implements `Termination`. When it returns, the program ends without waiting for goroutines,
/// as in Go.
///
/// ```
/// use gort::prelude::*;
///
/// #[gort::main(procs = 2)]
/// fn main() -> Result<(), RecvError> {
///     let (tx, rx) = bounded(0);
///     go!(move || tx.send("hello"));
///     assert_eq!(rx.recv()?, "hello");
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::main(args.into(), item.into()).into()
}

/// Turns a function into a test that runs as a goroutine.
///
/// ```text
/// #[gort::test]                            // or: #[gort::test(procs = 2, stack = 1 << 20)]
/// fn answers() -> Result<(), Error> { … }  // or: #[gort::test(timeout = "5s", leaks = "allow")]
/// ```
///
/// The attribute replaces `#[test]`, and works together with `#[should_panic]` and `#[ignore]`.
/// `procs`, `stack` and `thread_locals = "own"` are as for `#[gort::main]`. The function takes no
/// arguments, has no generic parameters, is not `async`, and may return a `Result`. Its goroutine
/// has the name of the test.
///
/// A test that leaves goroutines behind fails. The failure names these goroutines, and the timers
/// that would start more. `leaks = "allow"` turns this check off.
///
/// A test that takes longer than a minute, or than `timeout` (`"500ms"`, `"1.5s"`, `"2m"`, `"1h"`;
/// `"none"` for no limit), fails. The failure shows what its goroutines, and the others in the
/// process, are doing. The goroutines stay as they are, and the other tests continue. If for a few
/// seconds every goroutine of the process waits, and only a plain thread could wake one, a message
/// on standard error says so before the limit is reached. `GORT_TEST_TIMEOUT`, in seconds or
/// `none`, replaces the limits of all tests: use it for a debugger, or on a slow machine.
///
/// With `bubble` the test runs in `gort::synctest::run`: the clock of the test and of the
/// goroutines that it starts jumps when all of them are blocked. The time limit still counts real
/// time.
///
/// With `explore = 1_000` the test runs under that many schedules (see `gort::explore::Options`),
/// and panics with the report on the first schedule under which it fails. `GORT_EXPLORE_SEED` runs
/// that schedule first.
///
/// For a test with `#[should_panic]`, goroutines that are left behind and an exceeded time limit do
/// not count as the expected panic. The failure of a schedule does.
///
/// ```
/// use gort::prelude::*;
///
/// #[gort::test]
/// fn hands_it_over() -> Result<(), RecvError> {
///     let (tx, rx) = bounded(0);
///     let sender = go!(move || tx.send(1));
///     assert_eq!(rx.recv()?, 1);
///     sender.join().unwrap().unwrap();
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::test(args.into(), item.into()).into()
}
