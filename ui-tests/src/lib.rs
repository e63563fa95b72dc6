//! Empty. `tests/ui` has the programs that must not compile, and `tests/pass` those that must.
