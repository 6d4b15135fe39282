//! The examples of the interface's own description: each is sent, and answered as the description says.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Events, Exchange, OAuthClient, Server, form};

/// The description, and a server that holds what its examples speak of.
struct Described {
    server: Server,
    document: Value,
}

impl Described {
    fn start() -> Self {
        let server = Server::start();
        let document = server.client.get("/openapi.json").send().json();
        Self { server, document }
    }

    /// A tenant with `g-root` > `g-child` and `g-full`, below `g-root`, with every field set. The first has
    /// an address.
    fn client(&self, name: &str) -> Client {
        let client = self.server.new_tenant(name);
        let records = json!([
            {"externalReferenceId": "g-root", "name": "Root"},
            {"externalReferenceId": "g-child", "name": "Child", "parentExternalReferenceId": "g-root"},
            {
                "externalReferenceId": "g-full", "externalReferenceType": "Ypareo", "name": "Full",
                "description": "With everything", "parentExternalReferenceId": "g-root",
                "photoUrl": "https://cdn.example.com/full.png",
            },
        ]);
        assert_eq!(client.upsert(&records).0, 200);
        let address = json!({"type": "home", "street": "Kade", "city": "Lent", "country": "NL"});
        let added = client.post("/usergroups/id/1/addresses", address.to_string()).send();
        assert_eq!(added.status, 201);
        let attribute = json!({
            "name": "COLOR", "class": "user", "type": "enum", "typeParam": "COLORS",
            "descriptions": [{"language": "NL", "value": "Kleur"}],
        });
        assert_eq!(client.post("/attributes", attribute.to_string()).send().status, 201);
        client
    }

    /// Path, method and operation of everything that it describes.
    fn operations(&self) -> Vec<(&str, &str, &Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        let each = paths.iter().flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().iter();
            operations.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        });
        each.collect()
    }

    /// What a reference means; anything else means itself.
    fn resolved<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value["$ref"].as_str() {
            Some(reference) => self.document.pointer(&reference[1..]).unwrap(),
            None => value,
        }
    }

    /// Whether an answer has a documented status, and the shape that is documented for it.
    #[track_caller]
    fn check(&self, operation: &Value, answer: &Answer) {
        let (name, status) = (&operation["operationId"], answer.status.to_string());
        let response = self.resolved(&operation["responses"][&status]);
        assert!(response.is_object(), "{name} {status} is not described: {}", answer.text());
        if response.get("content").is_none() {
            return assert!(answer.body.is_empty(), "{name} {status} has a body");
        }
        let media = answer.header("content-type").unwrap().split(';').next().unwrap();
        let content = &response["content"][media];
        assert!(content.is_object(), "{name} {status} {media} is not described");
        if media.ends_with("json") {
            self.follow(&content["schema"], &answer.json(), &format!("{name} {status}"));
        }
    }

    /// As much of JSON Schema as the description uses.
    #[track_caller]
    fn follow(&self, schema: &Value, value: &Value, place: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.follow(self.document.pointer(&reference[1..]).unwrap(), value, place);
        }
        if let Some(alternatives) = schema["anyOf"].as_array() {
            let fits = |schema: &&Value| {
                let schema = self.document.pointer(&schema["$ref"].as_str().unwrap()[1..]).unwrap();
                let required = schema["required"].as_array().unwrap();
                required.iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            };
            let found = alternatives.iter().find(fits);
            return self.follow(found.unwrap_or(&alternatives[0]), value, place);
        }
        if let Some(types) = schema.get("type") {
            let fits = |name: &Value| match name.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_i64() || value.is_u64(),
                "boolean" => value.is_boolean(),
                "null" => value.is_null(),
                other => panic!("{place}: type {other}"),
            };
            let allowed = types.as_array().map_or(std::slice::from_ref(types), Vec::as_slice);
            assert!(allowed.iter().any(fits), "{place}: {value} is no {types}");
        }
        if let Some(listed) = schema["enum"].as_array() {
            assert!(listed.contains(value), "{place}: {value} is not listed");
        }
        if let Some(constant) = schema.get("const") {
            assert_eq!(value, constant, "{place}");
        }
        for (limit, fits) in [
            ("minimum", value.as_i64() >= schema["minimum"].as_i64()),
            ("maximum", value.as_i64() <= schema["maximum"].as_i64()),
        ] {
            assert!(schema.get(limit).is_none() || value.is_null() || fits, "{place}: {limit} of {value}");
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(value.get(required.as_str().unwrap()).is_some(), "{place}: {required} is missing");
        }
        for (index, element) in value.as_array().into_iter().flatten().enumerate() {
            self.follow(&schema["items"], element, &format!("{place}[{index}]"));
        }
        for (name, member) in value.as_object().into_iter().flatten() {
            let place = format!("{place}.{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(property), _) => self.follow(property, member, &place),
                (None, Value::Bool(false)) => panic!("{place} is not described"),
                (None, others) => self.follow(others, member, &place),
            }
        }
    }

    /// The request of an operation with the examples of its parameters, without a body.
    fn request(operation: &Value, client: &Client, method: &str, path: &str) -> Exchange {
        let mut target = path.to_owned();
        let mut headers = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let example = parameter["example"].as_str();
            match (parameter["in"].as_str().unwrap(), example) {
                ("path", example) => {
                    let example = example.unwrap_or_else(|| panic!("{path}: {name} has no example"));
                    // No example can name a run of this server.
                    let runs = path.starts_with("/v3/runs/").then(|| client.get("/v3/runs").send().json());
                    let example =
                        runs.as_ref().map_or(example, |runs| runs["runs"][0]["id"].as_str().unwrap());
                    target = target.replace(&format!("{{{name}}}"), example);
                }
                ("query", Some(example)) => {
                    target.push(if target.contains('?') { '&' } else { '?' });
                    write!(target, "{name}={example}").unwrap();
                }
                ("header", Some(example)) => headers.push((name.to_lowercase(), example.to_owned())),
                _ => {}
            }
        }
        let exchange = client.get(&target).method(&method.to_uppercase());
        headers.into_iter().fold(exchange, |exchange, (name, value)| exchange.header(&name, value))
    }
}

/// An example of a form, sent by an OAuth client of the same server: no example can name one.
fn form_of(server: &Server, client: &Client, path: &str, body: &Value) -> Exchange {
    let known = OAuthClient::create(server, "default", "groups:read,groups:write");
    let own = [("client_id", known.id), ("client_secret", known.secret)];
    let pairs = body.as_object().unwrap().iter().map(|(name, value)| {
        let own = own.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        (name.as_str(), own.unwrap_or_else(|| value.as_str().unwrap()))
    });
    form(client, path, &pairs.collect::<Vec<_>>())
}

/// The examples of a body: name and value.
fn examples(content: &Value) -> Vec<(&str, &Value)> {
    let media = content.as_object().into_iter().flatten().map(|(_, media)| media);
    let all = media.flat_map(|media| media["examples"].as_object().into_iter().flatten());
    all.map(|(name, example)| (name.as_str(), &example["value"])).collect()
}

/// Without what depends on what else is stored, or is never the same.
fn without_ids(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(token) = answer.get_mut("access_token") {
        assert!(token.take().as_str().unwrap().starts_with("rosterd_token_"));
    }
    for result in answer["results"].as_array_mut().into_iter().flatten() {
        result.as_object_mut().unwrap().remove("id");
    }
    answer
}

#[test]
fn requests_are_answered_as_their_examples_say() {
    let described = Described::start();
    let mut sent = 0;
    for (path, method, operation) in described.operations() {
        for (name, body) in examples(&operation["requestBody"]["content"]) {
            let answers = operation["responses"].as_object().unwrap().iter();
            let (status, documented) = answers
                .flat_map(|(status, response)| {
                    examples(&response["content"]).into_iter().map(move |example| (status, example))
                })
                .find_map(|(status, (other, value))| (other == name).then_some((status, value)))
                .unwrap_or_else(|| panic!("{path}: no answer to the example {name}"));
            let client = described.client(&format!("{name}-{sent}"));
            let exchange = match &operation["requestBody"]["content"]["application/json"] {
                Value::Null => form_of(&described.server, &client, path, body),
                _ => client.post(path, body.to_string()).method(&method.to_uppercase()),
            };
            let answer = exchange.send();
            assert_eq!(answer.status.to_string(), *status, "{path} {name}: {}", answer.text());
            assert_eq!(without_ids(&answer.json()), without_ids(documented), "{path} {name}");
            described.check(operation, &answer);
            sent += 1;
        }
    }
    assert!(sent >= 2, "{sent}");
}

#[test]
fn every_operation_answers_as_it_is_described() {
    let described = Described::start();
    for (number, (path, method, operation)) in described.operations().into_iter().enumerate() {
        let client = described.client(&format!("operation-{number}"));
        let mut exchange = Described::request(operation, &client, method, path);
        let content = &operation["requestBody"]["content"];
        let body = examples(content).into_iter().map(|(_, body)| body).next();
        if let Some(body) = body.or_else(|| content["application/json"].get("example")) {
            exchange = match &content["application/json"] {
                Value::Null => form_of(&described.server, &client, path, body),
                _ => exchange.with_body(body.to_string()),
            };
        }
        // A stream has no end: its head is what is described.
        let streams = operation["responses"]["200"]["content"]["text/event-stream"].is_object();
        let answer = if streams { Events::begin(&exchange).unwrap().head } else { exchange.send() };
        assert!(answer.status < 300, "{method} {path}: {}", answer.text());
        described.check(operation, &answer);
        // The same without a key: refused as described, or open to everybody.
        let answer = exchange.without("authorization").send();
        assert_eq!(answer.status < 300, operation["security"] == json!([]), "{method} {path}");
        described.check(operation, &answer);
    }
}

#[test]
fn examples_of_answers_have_the_shape_that_is_described() {
    let described = Described::start();
    let mut checked = 0;
    for (path, _, operation) in described.operations() {
        let responses = operation["responses"].as_object().unwrap();
        let contents = responses.values().map(|response| &described.resolved(response)["content"]);
        for content in contents.chain([&operation["requestBody"]["content"]]) {
            for media in content.as_object().into_iter().flatten().map(|(_, media)| media) {
                let named = media["examples"].as_object().into_iter().flatten();
                let named = named.map(|(name, example)| (name.as_str(), &example["value"]));
                for (name, value) in named.chain(media.get("example").map(|value| ("example", value))) {
                    described.follow(&media["schema"], value, &format!("{path} {name}"));
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 30, "{checked}");
}
