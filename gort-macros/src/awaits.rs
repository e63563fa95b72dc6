//! Finds `.await` where nothing can be awaited: in a goroutine and in a deferred block.

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{ExprAsync, ExprAwait, ExprClosure, Item, Stmt};

use crate::report::Report;

/// Reports every `.await` that would run in the block itself. Returns whether there was one.
///
/// Async blocks, async closures and items inside the block are skipped, since they may await. The
/// input of a macro cannot be examined.
pub(crate) fn awaits(statements: &[Stmt], whose: &str, report: &mut Report) -> bool {
    struct Finder(Vec<Span>);

    impl<'ast> Visit<'ast> for Finder {
        fn visit_expr_await(&mut self, expr: &'ast ExprAwait) {
            visit::visit_expr_await(self, expr);
            self.0.push(expr.await_token.span);
        }

        fn visit_expr_async(&mut self, _: &'ast ExprAsync) {}

        fn visit_expr_closure(&mut self, closure: &'ast ExprClosure) {
            if closure.asyncness.is_none() {
                visit::visit_expr_closure(self, closure);
            }
        }

        fn visit_item(&mut self, _: &'ast Item) {}
    }

    let mut finder = Finder(Vec::new());
    for statement in statements {
        finder.visit_stmt(statement);
    }
    for span in &finder.0 {
        let message = "does not await; write `gort::future::block_on(future)`";
        report.at(*span, format_args!("{whose} {message}"));
    }
    !finder.0.is_empty()
}
