//! OAuth clients: made, signed in, let in by their tokens, taken away. When a token expires is tested on a clock of
//! one's own, with the service.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Exchange, GROUPS, OAuthClient, Server, TOKEN, UPSERT, check, form};

const BASIC: &str = "Basic realm=\"rosterd\", charset=\"UTF-8\"";

/// The client's own authentication in the header, and this form.
fn basic(client: &OAuthClient, id: &str, secret: &str, pairs: &[(&str, &str)]) -> Exchange {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    form(&client.server, TOKEN, pairs).header("authorization", format!("Basic {pair}"))
}

/// What every answer has.
#[track_caller]
fn check_headers(answer: &Answer) {
    assert_eq!(answer.header("return-format"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()));
}

#[track_caller]
fn check_refused(exchange: &Exchange, status: u16, error: &str) {
    let answer = exchange.clone().with("x-request-id", "mine-1").send();
    let body = answer.json();
    assert_eq!((answer.status, &body["error"]), (status, &json!(error)), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    assert_eq!(answer.header("www-authenticate"), (status == 401).then_some(BASIC));
    check_headers(&answer);
    let description = body["error_description"].as_str().unwrap();
    assert!(!description.is_empty() && body.as_object().unwrap().len() == 2, "{body}");
}

#[test]
fn a_client_signs_in_and_works() {
    let server = Server::start();
    let known = OAuthClient::create(&server, "default", "groups:read,groups:write");
    for target in [TOKEN, "/v2/oauth2/token"] {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_id", &known.id),
            ("client_secret", &known.secret),
        ];
        let answer = form(&server.client, target, &pairs).send();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("pragma"), Some("no-cache"));
        assert!(answer.header("ratelimit").is_some(), "the client's rate");
        check_headers(&answer);
        let mut body = answer.json();
        let token = body["access_token"].take();
        assert_eq!(
            body,
            json!({
                "access_token": null, "expires_in": 1800, "token_type": "Bearer",
                "scope": "groups:read groups:write",
            })
        );
        let client = server.client.with_key(token.as_str().unwrap());
        check(&client, &json!([{"externalReferenceId": target, "name": "A"}]), &["created"]);
        assert_eq!(client.group(target)["name"], "A");
        let id = client.group(target)["id"].as_str().unwrap().to_owned();
        for face in ["", "/v2"] {
            assert_eq!(
                client.get(&format!("{face}/usergroups/id/{id}")).send().status,
                200,
                "the other face"
            );
        }
        let run = client.get("/v3/runs").send().json()["runs"][0].take();
        assert_eq!(run["keyId"], json!(known.id), "runs name the client");
    }
}

#[test]
fn the_header_authenticates_as_well() {
    let server = Server::start();
    let known = OAuthClient::create(&server, "default", "groups:read");
    let OAuthClient { id, secret, .. } = &known;
    let grant = ("grant_type", "client_credentials");
    for pairs in [&[grant][..], &[grant, ("client_id", id)]] {
        assert_eq!(basic(&known, id, secret, pairs).send().status, 200);
    }
    let both = basic(&known, id, secret, &[grant, ("client_id", id), ("client_secret", secret)]);
    check_refused(&both, 400, "invalid_request");
    check_refused(&basic(&known, id, "wrong", &[grant]), 401, "invalid_client");
    check_refused(&basic(&known, secret, id, &[grant]), 401, "invalid_client");
    check_refused(&known.ask(&[]).header("authorization", "Bearer x"), 401, "invalid_client");
}

#[test]
fn what_is_wrong_is_told_as_the_standard_says() {
    let server = Server::start();
    let known = OAuthClient::create(&server, "default", "groups:read,groups:write");
    let (id, secret) = (known.id.as_str(), known.secret.as_str());
    let grant = ("grant_type", "client_credentials");
    let of = |pairs: &[(&str, &str)]| form(&server.client, TOKEN, pairs);
    let whole = known.ask(&[]);
    let invalid = "invalid_request";
    let body = String::from_utf8(whole.body().to_vec()).unwrap();
    let in_query = server.client.post(&format!("{TOKEN}?{body}"), "").without("authorization");
    let in_query = in_query.with("content-type", "application/x-www-form-urlencoded");
    for (exchange, status, error) in [
        (of(&[]), 400, invalid),
        (of(&[("client_id", id), ("client_secret", secret)]), 400, invalid),
        (of(&[grant, ("client_secret", secret)]), 400, invalid),
        (of(&[grant, ("client_id", id)]), 401, "invalid_client"),
        (of(&[grant]), 401, "invalid_client"),
        (
            of(&[("grant_type", "password"), ("client_id", id), ("client_secret", secret)]),
            400,
            "unsupported_grant_type",
        ),
        (known.ask(&[("client_secret", secret)]), 400, invalid),
        (whole.clone().with("content-type", "application/json"), 400, invalid),
        (whole.clone().without("content-type"), 400, invalid),
        (whole.clone().header("content-type", "text/plain"), 400, invalid),
        (whole.clone().header("content-encoding", "gzip"), 400, invalid),
        (in_query, 400, invalid),
        (
            server
                .client
                .post(TOKEN, b"\xff".to_vec())
                .without("authorization")
                .with("content-type", "application/x-www-form-urlencoded"),
            400,
            invalid,
        ),
        (known.ask(&[("scope", "groups:read admin")]), 400, "invalid_scope"),
        (known.ask(&[("scope", "groups:rule")]), 400, "invalid_scope"),
        (known.ask(&[("scope", "groups:read  groups:write")]), 400, "invalid_scope"),
    ] {
        check_refused(&exchange, status, error);
    }
    // What is not about tokens is a problem as everywhere.
    for (exchange, status, code) in [
        (server.client.get(TOKEN), 405, "METHOD_NOT_ALLOWED"),
        (known.ask(&[("x", &"x".repeat(8 << 10))]), 413, "PAYLOAD_TOO_LARGE"),
        (whole.clone().header("expect", "a-token"), 417, "EXPECTATION_FAILED"),
    ] {
        let answer = exchange.send();
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)));
        check_headers(&answer);
    }
    let chunk = "x".repeat(8 << 10);
    let chunked = format!("{:x}\r\nx={chunk}\r\n0\r\n\r\n", chunk.len() + 2);
    let chunked =
        server.client.post(TOKEN, chunked).without("content-length").with("transfer-encoding", "chunked");
    assert_eq!(chunked.send().status, 413, "also where it is not announced");
    assert_eq!(whole.send().status, 200);
}

#[test]
fn a_client_is_a_key_of_another_kind() {
    let server = Server::start();
    server.cli(["tenants", "create", "school"]);
    let known = OAuthClient::create(&server, "school", "groups:read");
    let refused = |client: &Client| {
        let answer = client.get(GROUPS).send();
        (answer.status, answer.json()["code"].as_str().map(ToOwned::to_owned))
    };
    let unauthenticated = (401, Some("UNAUTHENTICATED".to_owned()));
    // The secret is no key, a key is no secret, and a token gets no token.
    assert_eq!(refused(&server.client.with_key(&known.secret)), unauthenticated);
    let key_id = server.client.key.split('_').nth(1).unwrap().to_owned();
    let key = OAuthClient { id: key_id.clone(), secret: server.client.key.clone(), ..known.clone() };
    check_refused(&key.ask(&[]), 401, "invalid_client");
    let client = known.sign_in(&[]);
    let token = OAuthClient { secret: client.key.clone(), ..known.clone() };
    check_refused(&token.ask(&[]), 401, "invalid_client");
    for (id, secret) in [(&key_id, &known.secret), (&known.id, &server.client.key), (&known.id, &known.id)] {
        let mixed = OAuthClient { id: id.clone(), secret: secret.clone(), ..known.clone() };
        check_refused(&mixed.ask(&[]), 401, "invalid_client");
    }
    // It is listed as what it is, without its secret.
    let listed: Value = serde_json::from_str(&server.cli(["keys", "list", "--json"])).unwrap();
    let kinds: Vec<(&str, &str)> = listed["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["id"].as_str().unwrap(), key["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds, [(key_id.as_str(), "key"), (known.id.as_str(), "oauth")]);
    let table = server.cli(["keys", "list"]);
    assert!(table.contains("KIND") && table.contains("oauth"), "{table}");
    assert!(!table.contains("rosterd_") && !listed.to_string().contains("rosterd_"));
    // Without --json there are two lines, for a shell.
    let plain = server.cli(["keys", "create", "--oauth"]);
    let lines: Vec<&str> = plain.lines().collect();
    let [id, secret] = lines[..] else { panic!("{plain}") };
    let (id, secret) =
        (id.strip_prefix("client_id=").unwrap(), secret.strip_prefix("client_secret=").unwrap());
    let plain = OAuthClient { id: id.to_owned(), secret: secret.to_owned(), ..known };
    assert_eq!(plain.sign_in(&[]).get(GROUPS).send().status, 200);
}

#[test]
fn a_token_is_narrowed_and_never_widened() {
    let server = Server::start();
    let known = OAuthClient::create(&server, "default", "groups:read,groups:write");
    for (asked, told) in [
        ("groups:read", "groups:read"),
        ("groups:write groups:read groups:read", "groups:read groups:write"),
        ("", "groups:read groups:write"),
    ] {
        assert_eq!(known.ask(&[("scope", asked)]).send().json()["scope"], told, "{asked:?}");
    }
    let reader = known.sign_in(&[("scope", "groups:read")]);
    assert_eq!(reader.get(GROUPS).send().status, 200);
    let refused = reader.post(UPSERT, r#"{"groups":[{"externalReferenceId":"a","name":"A"}]}"#).send();
    assert_eq!((refused.status, &refused.json()["scope"]), (403, &json!("groups:write")));
}

#[test]
fn a_token_dies_with_its_client_and_survives_everything_else() {
    let mut server = Server::start();
    let [known, other] =
        ["groups:read", "groups:read"].map(|scope| OAuthClient::create(&server, "default", scope));
    let (token, others) = (known.sign_in(&[]).key, other.sign_in(&[]).key);
    let status = |server: &Server, token: &str| server.client.with_key(token).get(GROUPS).send().status;
    server.restart();
    assert_eq!(status(&server, &token), 200, "after a restart");
    server.kill9_and_restart();
    assert_eq!(status(&server, &token), 200, "after a crash");
    assert_eq!(server.cli(["keys", "revoke", &known.id]), format!("revoked key {}\n", known.id));
    assert_eq!((status(&server, &token), status(&server, &others)), (401, 200));
    let known = OAuthClient { server: server.client.clone(), ..known };
    check_refused(&known.ask(&[]), 401, "invalid_client");
    server.restart();
    assert_eq!((status(&server, &token), status(&server, &others)), (401, 200));
}

#[test]
fn tokens_open_their_own_tenant_and_store_alone() {
    let (server, elsewhere) = (Server::start(), Server::start());
    server.cli(["tenants", "create", "school"]);
    let (here, school) = (
        OAuthClient::create(&server, "default", "groups:read,groups:write"),
        OAuthClient::create(&server, "school", "groups:read"),
    );
    check(&here.sign_in(&[]), &json!([{"externalReferenceId": "a", "name": "A"}]), &["created"]);
    let school = school.sign_in(&[]);
    assert_eq!(school.find("a").status, 404);
    assert_eq!(school.get(GROUPS).send().json()["groups"], json!([]));
    let stranger = elsewhere.client.with_key(school.key.clone()).get(GROUPS).send();
    assert_eq!((stranger.status, stranger.header("www-authenticate")), (401, Some("Bearer")));
    for broken in [&school.key[..school.key.len() - 1], &school.key.replacen('A', "B", 1), "rosterd_token_"] {
        assert_eq!(server.client.with_key(broken).get(GROUPS).send().status, 401, "{broken}");
    }
}

#[test]
fn the_rate_is_that_of_the_client() {
    let server = Server::start_with(&["--requests-per-minute", "3"]);
    let [known, other] = ["a", "b"].map(|_| OAuthClient::create(&server, "default", "groups:read"));
    // Two tokens of one client share what it has, and getting them counts.
    let tokens = [known.sign_in(&[]), known.sign_in(&[])];
    assert_eq!(tokens[0].get(GROUPS).send().status, 200);
    for exchange in [tokens[1].get(GROUPS), known.ask(&[])] {
        let refused = exchange.send();
        assert_eq!((refused.status, &refused.json()["reason"]), (429, &json!("REQUESTS")));
        assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    }
    assert_eq!(other.sign_in(&[]).get(GROUPS).send().status, 200);
}

#[test]
fn guesses_of_secrets_are_limited_by_address() {
    let server = Server::start();
    let [known, good] = ["a", "b"].map(|_| OAuthClient::create(&server, "default", "groups:read"));
    let token = good.sign_in(&[]);
    assert_eq!(token.get(GROUPS).send().status, 200);
    let published = server.client.get("/capabilities").send().json();
    let most = published["limits"]["failedAuthenticationsPerMinute"].as_u64().unwrap();
    let guess = OAuthClient { secret: good.secret.clone(), ..known.clone() }.ask(&[]);
    let answers: Vec<Answer> =
        (0..3 * most).map(|_| guess.send()).take_while(|answer| answer.status == 401).collect();
    assert!(answers.len() as u64 >= most, "{}", answers.len());
    let refused = guess.send();
    assert_eq!((refused.status, &refused.json()["reason"]), (429, &json!("FAILED_AUTHENTICATIONS")));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    check_headers(&refused);
    // One bucket with the guesses of keys; who was good a moment ago goes on.
    assert_eq!(server.client.with_key("rosterd_guess").get(GROUPS).send().status, 429);
    assert_eq!(token.get(GROUPS).send().status, 200);
    assert_eq!(good.ask(&[]).send().status, 200);
}

#[test]
fn no_secret_lies_in_the_files_or_the_log() {
    let server = Server::start_logging("trace");
    let known = OAuthClient::create(&server, "default", "groups:read");
    let client = known.sign_in(&[]);
    assert_eq!(client.get(GROUPS).send().status, 200);
    let basic = basic(&known, &known.id, &known.secret, &[("grant_type", "client_credentials")]);
    assert_eq!(basic.send().status, 200);
    let log = server.process.wait_for("the last line", |log| {
        (log.matches("\"token.issued\"").count() == 2).then(|| log.to_owned())
    });
    let mut places = vec![log.into_bytes()];
    places.extend(
        std::fs::read_dir(server.data()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()),
    );
    let holds = |text: &str| {
        places.iter().any(|place| place.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    assert!(holds(&known.id), "this is where the client lies");
    let secret = known.secret.split('_').nth(2).unwrap();
    let bytes: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&secret[2 * at..2 * at + 2], 16).unwrap()).collect();
    assert!(!holds(secret) && !holds(&client.key["rosterd_token_".len()..]));
    assert!(!places.iter().any(|place| place.windows(32).any(|window| window == bytes)));
}

/// Every error is explained where the others are.
#[test]
fn every_error_is_documented() {
    let documented = include_str!("../../../../docs/reference/errors.md");
    for error in faces::oauth::TokenError::ALL {
        assert!(documented.contains(&format!("`{}`", error.code())), "{}", error.code());
    }
}
