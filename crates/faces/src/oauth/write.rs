//! Answers to requests for a token.

use serde::Serialize;

use super::status::TokenError;
use crate::groups::wire::to_json;

#[derive(Serialize)]
struct Granted<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    scope: &'a str,
}

#[derive(Serialize)]
struct Refused {
    error: &'static str,
    error_description: &'static str,
}

/// The body that hands out a token (RFC 6749 §5.1).
pub fn write_token(token: &str, life_seconds: i64, scope: &str) -> Vec<u8> {
    let granted = Granted { access_token: token, token_type: "Bearer", expires_in: life_seconds, scope };
    to_json(&granted, 512)
}

impl TokenError {
    /// The body that refuses one (RFC 6749 §5.2).
    pub fn body(self) -> Vec<u8> {
        to_json(&Refused { error: self.code(), error_description: self.description() }, 256)
    }
}
