//! gort-macros
