//! What the load drivers share: the server under load, HTTP as far as they need it, streams of requests, figures.

pub mod figures;
pub mod program;
pub mod stream;
pub mod wire;
