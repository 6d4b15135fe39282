//! The call that hands out tokens.

use serde_json::{Value, json};

use super::problems;
use super::schemas::{closed, reference};
use crate::groups::refusal::{Rate, Refusal};
use crate::oauth::{MAX_BYTES, TokenError, write_token};

/// Only examples: who tries them gets `invalid_client`.
const CLIENT_ID: &str = "90228900c502c868";
const CLIENT_SECRET: &str = "rosterd_90228900c502c868_SECRET_CHECK";
const TOKEN: &str = "rosterd_token_AZAiiQDFAshoAAAAAAAAAAE";
const LIFE_SECONDS: i64 = 1800;
const SCOPES: [(&str, &str); 3] = [
    ("groups:read", "Read groups and runs."),
    ("groups:write", "Create and change groups."),
    ("admin", "Administer the tenant."),
];

/// How a client tells who it is on every other call.
pub(super) fn security_scheme() -> Value {
    json!({
        "type": "oauth2",
        "description": "A token of an OAuth client: Authorization: Bearer <token>. It has the client's tenant, and \
            its scopes or fewer.",
        "flows": { "clientCredentials": {
            "tokenUrl": "/oauth2/token",
            "scopes": SCOPES.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        } },
    })
}

pub(super) fn token(operation: &str) -> Value {
    let whole = json!({
        "grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
    });
    let mut narrowed = whole.clone();
    narrowed["scope"] = json!("groups:read");
    let mut beyond = whole.clone();
    beyond["scope"] = json!("groups:read admin");
    json!({
        "operationId": operation,
        "tags": ["tokens"],
        "summary": "Get a token for an OAuth client",
        "description": "Client credentials (RFC 6749 §4.4). The client may authenticate with HTTP Basic instead of \
            client_id and client_secret, not with both. Errors that RFC 6749 knows have its bodies, all others are \
            problems. A token is good for half an hour, and no longer than its client.",
        "security": [],
        "requestBody": {
            "required": true,
            "content": { "application/x-www-form-urlencoded": {
                "schema": reference("TokenForm"),
                "examples": {
                    "all": { "summary": "For all scopes of the client", "value": whole },
                    "narrowed": { "summary": "For some of them", "value": narrowed },
                    "invalid_scope": { "summary": "For more than the client has", "value": beyond },
                },
            } },
        },
        "responses": responses(),
    })
}

fn responses() -> Value {
    let mut all = Value::Object(problems::responses(&problems::of_tokens()));
    let granted = |scope: &str| {
        let body = write_token(TOKEN, LIFE_SECONDS, scope);
        json!({ "value": serde_json::from_slice::<Value>(&body).expect("a token's answer is JSON") })
    };
    all["200"] = json!({
        "description": "The token.",
        "headers": problems::rates(),
        "content": { "application/json": {
            "schema": reference("Token"),
            "examples": { "all": granted("groups:read groups:write"), "narrowed": granted("groups:read") },
        } },
    });
    for error in TokenError::ALL {
        let status = error.status().to_string();
        if all.get(&status).is_none() {
            all[&status] = json!({ "description": "Refused: the client is not known by what it presented." });
            all[&status]["headers"]["WWW-Authenticate"] =
                json!({ "description": "The scheme to use: Basic.", "schema": { "type": "string" } });
        }
        let content = &mut all[&status]["content"]["application/json"];
        content["schema"] = reference("TokenError");
        let body: Value = serde_json::from_slice(&error.body()).expect("an error is JSON");
        content["examples"][error.code()] = json!({ "value": body });
    }
    all
}

/// The shapes of bodies.
pub(super) fn schemas() -> [(&'static str, Value); 3] {
    let text = json!({ "type": "string" });
    let form = json!({
        "type": "object",
        "description": format!("At most {MAX_BYTES} bytes. Unknown parameters are ignored."),
        "properties": {
            "grant_type": { "type": "string", "enum": ["client_credentials"] },
            "client_id": text,
            "client_secret": text,
            "scope": {
                "type": "string",
                "description": "Scopes of the client, separated by spaces; all it has if this is absent or empty.",
            },
        },
        "required": ["grant_type"],
    });
    let token = json!({
        "access_token": text,
        "token_type": { "const": "Bearer" },
        "expires_in": { "type": "integer", "minimum": 1, "description": "Seconds." },
        "scope": { "type": "string", "description": "What the token is good for, separated by spaces." },
    });
    let codes = TokenError::ALL.map(TokenError::code);
    let error = json!({ "error": { "enum": codes }, "error_description": text });
    [
        ("TokenForm", form),
        ("Token", closed(&token, &["access_token", "token_type", "expires_in", "scope"])),
        ("TokenError", closed(&error, &["error", "error_description"])),
    ]
}

/// What is left to be refused for beyond the errors of tokens.
pub(super) fn refusals() -> [Refusal; 2] {
    [
        Refusal::PayloadTooLarge { limit: MAX_BYTES },
        Refusal::RateLimited { rate: Rate::FailedAuthentications, seconds: 1 },
    ]
}
