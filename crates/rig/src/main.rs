//! `rig`: faults under load.

fn main() {}
