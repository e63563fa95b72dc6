//! Tests of the switch alone.
