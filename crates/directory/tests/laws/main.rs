//! The laws of the planner, held over random directories and random hostile batches, and the staircase
//! that proves the precedence of codes.
//!
//! 10,000 cases each; `PROPTEST_CASES` sets another number.

mod addresses;
mod attributes;
mod defined;
mod generate;
mod laws;
mod search;
mod staircase;
mod values;
mod world;
