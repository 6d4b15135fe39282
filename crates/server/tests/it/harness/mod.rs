//! What the tests share: a server, a client, and how the two are compared with what is expected.

mod batch;
mod client;
mod events;
mod process;
mod rounds;
mod server;
mod tokens;

pub(crate) use batch::{check, describe, outcomes};
pub(crate) use client::{Answer, BY_REFERENCE, Client, Exchange, GROUPS, UPSERT, encode};
pub(crate) use events::{Event, Events};
pub(crate) use process::{GUARD, Process, SABOTAGE, finish, rosterd};
pub(crate) use rig::Random;
pub(crate) use rounds::{measured, rounds};
pub(crate) use server::{Server, address, serve, serve_on};
pub(crate) use tokens::{OAuthClient, TOKEN, form};
