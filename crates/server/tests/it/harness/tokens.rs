//! OAuth clients and their tokens.

use serde_json::Value;

use super::client::{Client, Exchange, encode};
use super::server::Server;

pub(crate) const TOKEN: &str = "/oauth2/token";

/// Somebody who gets tokens.
#[derive(Debug, Clone)]
pub(crate) struct OAuthClient {
    pub(crate) id: String,
    pub(crate) secret: String,
    /// The server; whose key it is does not matter.
    pub(crate) server: Client,
}

impl OAuthClient {
    pub(crate) fn create(server: &Server, tenant: &str, scopes: &str) -> Self {
        let printed =
            server.cli(["keys", "create", "--oauth", "--tenant", tenant, "--scopes", scopes, "--json"]);
        let made: Value = serde_json::from_str(&printed).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { id: text("client_id"), secret: text("client_secret"), server: server.client.clone() }
    }

    /// A request for a token, with more in its form.
    pub(crate) fn ask(&self, more: &[(&str, &str)]) -> Exchange {
        let own = [
            ("grant_type", "client_credentials"),
            ("client_id", self.id.as_str()),
            ("client_secret", self.secret.as_str()),
        ];
        form(&self.server, TOKEN, &[&own, more].concat())
    }

    /// A client of the server that sends a token.
    pub(crate) fn sign_in(&self, more: &[(&str, &str)]) -> Client {
        let answer = self.ask(more).send();
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.server.with_key(answer.json()["access_token"].as_str().unwrap())
    }
}

/// A form, sent without any key.
pub(crate) fn form(client: &Client, target: &str, pairs: &[(&str, &str)]) -> Exchange {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    client
        .post(target, pairs.join("&"))
        .without("authorization")
        .with("content-type", "application/x-www-form-urlencoded")
}
