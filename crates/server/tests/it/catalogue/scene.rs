//! What a case finds when it begins (reliability.md §4.2), and what it leaves behind.

use serde_json::{Value, json};

use super::case::Case;
use super::face::Face;
use super::message::Reaction;
use super::{judge, usergroups};
use crate::harness::{Client, GROUPS, Server};

/// The catalogue writes it into headers and bodies, in capitals, which the name of a tenant cannot have.
const T2: &str = "t2";

/// A fresh tenant T1, and T2 beside it.
pub(super) struct Scene<'s> {
    pub(super) server: &'s Server,
    pub(super) t1: Client,
    pub(super) t2: Client,
    pub(super) face: Face,
    name: String,
}

/// Everything that can be read of T1 and of T2: their groups, and what contract 2 shows of some.
#[derive(Debug, PartialEq)]
pub(super) struct State {
    pub(super) t1: Vec<Value>,
    pub(super) t2: Vec<Value>,
    /// What contract 2 shows of T1's usergroups, where the case is played there.
    pub(super) details: Vec<Value>,
}

/// The second tenant of a server. No case changes it, so that all can share it.
pub(super) fn second_tenant(server: &Server, face: Face) -> Client {
    let client = server.new_tenant(T2);
    if face == Face::Usergroups {
        usergroups::scene::fill_second(&client);
        return client;
    }
    let records = json!([
        {"externalReferenceId": "t2-only", "name": "Only in T2"},
        {"externalReferenceId": "t2-arch", "name": "Archived in T2"},
    ]);
    assert_eq!(client.upsert(&records).0, 200);
    archive(&client, "t2-arch");
    client
}

impl<'s> Scene<'s> {
    pub(super) fn new(server: &'s Server, t2: &Client, name: &str, case: &Case, face: Face) -> Self {
        let t1 = server.new_tenant(name);
        match face {
            Face::Groups => {
                assert_eq!(t1.upsert(&fixture(case.text("fixture"))).0, 200);
                archive(&t1, "g-arch");
            }
            Face::Usergroups => usergroups::scene::fill(&t1, case.text("fixture")),
        }
        Self { server, t1, t2: t2.clone(), face, name: name.to_owned() }
    }

    /// What the case needs and this server does not have.
    pub(super) fn lacks(case: &Case) -> Option<&'static str> {
        let expiring = case.request("headers").to_string().contains("{K1-expired}");
        expiring.then_some("an expired key")
    }

    /// Compares a reaction with what the catalogue expects, in the words of the face.
    pub(super) fn judge(&self, reaction: &Reaction, expect: &Value) -> Result<(), String> {
        // Whatever the catalogue says of the state.
        if reaction.answer.status >= 400 && reaction.before != reaction.after {
            return Err(format!("answered {}, and the state moved", reaction.answer.status));
        }
        match self.face {
            Face::Groups => judge::judge(reaction, expect),
            Face::Usergroups => usergroups::judge::judge(self, reaction, expect),
        }
    }

    pub(super) fn state(&self) -> State {
        let all = |client: &Client| client.all_with(1000, "&archived=any");
        let (mut t2, mut details) = (all(&self.t2), Vec::new());
        if self.face == Face::Usergroups {
            t2.push(usergroups::scene::shown(&self.t2, 900));
            details = usergroups::scene::SHOWN.map(|id| usergroups::scene::shown(&self.t1, id)).into();
        }
        State { t1: all(&self.t1), t2, details }
    }

    /// A text of the catalogue with its `{…}` filled in.
    pub(super) fn fill(&self, text: &str) -> String {
        let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
        let (name, after) = rest.split_once('}').unwrap();
        format!("{before}{}{after}", self.named(name))
    }

    fn named(&self, name: &str) -> String {
        let new_key = |scopes| self.server.new_key(&self.name, scopes);
        match name {
            "K1" => self.t1.key.clone(),
            "K2" => self.t2.key.clone(),
            "K1-readonly" => new_key("groups:read").1.key,
            "K1-revoked" => {
                let (id, client) = new_key("groups:read,groups:write");
                self.server.cli(["keys", "revoke", &id]);
                client.key
            }
            "K1 with one character of the secret changed" => {
                let (start, last) = self.t1.key.split_at(self.t1.key.len() - 1);
                format!("{start}{}", if last == "a" { "b" } else { "a" })
            }
            "K1 upper-cased" => self.t1.key.to_uppercase(),
            "T2 cursor" => {
                let page = self.t2.get(&format!("{GROUPS}?limit=1")).send().json();
                page["nextCursor"].as_str().unwrap().to_owned()
            }
            // JWTs are keys that nobody knows (D13).
            "alg:none" | "kid traversal" | "jku" | "nbf" | "aud" | "crit" | "no signature" => {
                "eyJhbGciOiJub25lIiwia2lkIjoiLi4vLi4vZXRjL3Bhc3N3ZCJ9.eyJzdWIiOiJ4In0.".to_owned()
            }
            other => panic!("the runner does not know {{{other}}}"),
        }
    }
}

/// The groups of T1.
fn fixture(more: &str) -> Value {
    let mut records = vec![
        json!({"externalReferenceId": "g-root", "name": "Root"}),
        json!({"externalReferenceId": "g-child", "name": "Child", "parentExternalReferenceId": "g-root"}),
        json!({"externalReferenceId": "g-grand", "name": "Grandchild", "parentExternalReferenceId": "g-child"}),
        json!({"externalReferenceId": "g-arch", "name": "Archived"}),
    ];
    for key in ["g-full", "g-full2"] {
        records.push(json!({
            "externalReferenceId": key, "externalReferenceType": "Ypareo", "name": "Full",
            "description": "With everything", "parentExternalReferenceId": "g-root",
            "photoUrl": "https://cdn.example.com/full.png",
        }));
    }
    if more.contains("caf\u{e9}") {
        records.push(json!({"externalReferenceId": "caf\u{e9}", "name": "Caf\u{e9}"}));
    }
    let others = if more == "1000 groups" { 1000 - records.len() } else { 0 };
    records.extend((0..others).map(|n| json!({"externalReferenceId": format!("other-{n}"), "name": "n"})));
    records.into()
}

fn archive(client: &Client, key: &str) {
    assert_eq!(client.by_reference(key).method("DELETE").send().status, 204);
}
