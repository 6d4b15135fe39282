//! Black-box tests of the faces: bytes in, bytes out.

mod answers;
mod bodies;
mod changes;
mod golden;
mod oauth;
mod openapi;
mod queries;
mod records;
mod world;
