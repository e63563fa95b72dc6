//! Nothing: what is wrong is in `tests/ui`, what is right in `tests/pass`.
