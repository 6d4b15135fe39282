//! Requests that are refused as a whole: nothing is written, and everybody can tell why.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::harness::{Answer, BY_REFERENCE, Exchange, GROUPS, Server, UPSERT};

const GOOD: &str = r#"{"groups":[{"externalReferenceId":"ok-1","name":"Good one"}]}"#;

/// An answer to a refused request: status, code, reason, and everything that holds for each of them.
#[track_caller]
fn check(exchange: &Exchange, status: u16, code: &str, reason: &str) -> Answer {
    let answer = exchange.send();
    let problem = answer.json();
    let found = (answer.status, problem["code"].as_str(), problem["reason"].as_str().unwrap_or(""));
    assert_eq!(found, (status, Some(code), reason), "{problem:#}");
    check_problem(&answer);
    answer
}

#[track_caller]
fn check_problem(answer: &Answer) {
    let problem = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["type"], format!("urn:rosterd:problem:{}", problem["code"].as_str().unwrap()));
    assert_eq!(problem["status"], answer.status);
    assert_eq!(answer.header("x-request-id"), problem["requestId"].as_str());
    for name in ["title", "detail", "requestId"] {
        assert!(problem[name].as_str().is_some_and(|text| !text.is_empty()), "{name} in {problem:#}");
    }
    assert!(answer.body.len() < 4096);
}

/// No group was written by what was refused.
#[track_caller]
fn check_empty(server: &Server) {
    assert_eq!(server.client.get(GROUPS).send().json()["groups"], json!([]));
}

#[test]
fn bodies() {
    let server = Server::start();
    let good = |count: usize| {
        let records: Vec<Value> = (0..count)
            .map(|index| json!({"externalReferenceId": format!("k-{index}"), "name": "n"}))
            .collect();
        json!({ "groups": records }).to_string()
    };
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let (json, request) = ("INVALID_JSON", "VALIDATION_ERROR");
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        ("".into(), json, "EMPTY_BODY"),
        (" \r\n\t".into(), json, "EMPTY_BODY"),
        (r#"{"groups":[{"externalReferenceId":"ok-1","name":"Good on"#.into(), json, "SYNTAX"),
        ("{'groups':[]}".into(), json, "SYNTAX"),
        ("{groups:[]}".into(), json, "SYNTAX"),
        ("{\"groups\":[{\"externalReferenceId\":\"ok-1\",\"name\":\"a\u{1}b\"}]}".into(), json, "SYNTAX"),
        (r#"{"groups":[{"externalReferenceId":"ok-1","name":"\x41"}]}"#.into(), json, "SYNTAX"),
        (r#"{"groups":[{"externalReferenceId":"ok-1","name":NaN}]}"#.into(), json, "SYNTAX"),
        (r#"{"groups":[{"externalReferenceId":"ok-1","name":01}]}"#.into(), json, "SYNTAX"),
        (format!("\u{feff}{GOOD}").into(), json, "SYNTAX"),
        (format!("{GOOD} x").into(), json, "TRAILING_DATA"),
        (format!("{GOOD}{GOOD}").into(), json, "TRAILING_DATA"),
        ([&GOOD.as_bytes()[..50], &[0xff], &GOOD.as_bytes()[50..]].concat(), json, "INVALID_UTF8"),
        (GOOD.encode_utf16().flat_map(u16::to_le_bytes).chain([0xff]).collect(), json, "INVALID_UTF8"),
        (
            b"{\"groups\":[{\"externalReferenceId\":\"ok-1\",\"name\":\"\xed\xa0\x80\"}]}".into(),
            json,
            "INVALID_UTF8",
        ),
        (format!(r#"{{"x":{},"groups":[]}}"#, nested(33)).into(), json, "TOO_DEEP"),
        ("null".into(), request, "NOT_AN_OBJECT"),
        ("[]".into(), request, "NOT_AN_OBJECT"),
        ("\"groups\"".into(), request, "NOT_AN_OBJECT"),
        (nested(100_000).into(), request, "NOT_AN_OBJECT"),
        ("{}".into(), request, "REQUIRED_FIELD_MISSING"),
        (r#"{"groups":null}"#.into(), request, "NOT_AN_ARRAY"),
        (r#"{"groups":{"0":{"externalReferenceId":"ok-1","name":"n"}}}"#.into(), request, "NOT_AN_ARRAY"),
        (r#"{"groups":[]}"#.into(), request, "BATCH_EMPTY"),
        (good(1001).into(), request, "BATCH_TOO_LARGE"),
        (GOOD.replace("]}", r#"],"dryRun":true}"#).into(), request, "UNKNOWN_FIELD"),
        (GOOD.replace("]}", r#"],"groups":[]}"#).into(), request, "DUPLICATE_MEMBER"),
    ];
    for (body, code, reason) in cases {
        check(&server.client.post(UPSERT, body), 400, code, reason);
    }
    let problem = check(&server.client.post(UPSERT, good(1001)), 400, request, "BATCH_TOO_LARGE").json();
    let [min, max, got, max_items] = ["min", "max", "got", "maxItems"].map(|name| problem[name].as_u64());
    assert_eq!([min, max, got, max_items], [Some(1), Some(1000), Some(1001), Some(1000)]);
    let problem = check(&server.client.post(UPSERT, format!("{GOOD} x")), 400, json, "TRAILING_DATA").json();
    assert_eq!(problem["position"], GOOD.len() + 1);
    check_empty(&server);
    assert_eq!(server.client.post(UPSERT, good(1000)).send().status, 200);
}

fn gzip(parts: &[&[u8]]) -> Vec<u8> {
    let member = |part: &&[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    parts.iter().flat_map(member).collect()
}

#[test]
fn types_and_encodings() {
    let server = Server::start();
    let post = |body: &[u8]| server.client.post(UPSERT, body);
    let typed = |value: &str| post(GOOD.as_bytes()).with("content-type", value);
    let (media_type, encoding) = ("UNSUPPORTED_MEDIA_TYPE", "UNSUPPORTED_ENCODING");
    check(&post(GOOD.as_bytes()).without("content-type"), 415, media_type, "");
    for wrong in ["text/plain", "application/x-ndjson", "application/json; charset=utf-16", "", "json"] {
        check(&typed(wrong), 415, media_type, "");
    }
    let doubled = typed("application/json").header("content-type", "text/plain");
    check(&doubled, 400, "BAD_REQUEST", "MULTIPLE_CONTENT_TYPE");

    let packed = gzip(&[GOOD.as_bytes()]);
    let encoded = |body: &[u8], value: &str| post(body).header("content-encoding", value);
    for wrong in ["br", "deflate", "zstd", "gzip, gzip"] {
        let answer = check(&encoded(GOOD.as_bytes(), wrong), 415, encoding, "");
        assert_eq!(answer.header("accept-encoding"), Some("gzip"));
    }
    for damaged in [GOOD.as_bytes(), &packed[..packed.len() - 1], &[packed.as_slice(), b"x"].concat(), b""] {
        check(&encoded(damaged, "gzip"), 400, "BAD_COMPRESSION", "");
    }
    let bomb = gzip(&[&vec![b' '; (32 << 20) + 1]]);
    check(&encoded(&bomb, "gzip"), 413, "PAYLOAD_TOO_LARGE", "");
    check_empty(&server);

    let halves = gzip(&[&GOOD.as_bytes()[..20], &GOOD.as_bytes()[20..]]);
    for good in [
        encoded(&packed, "gzip"),
        encoded(&halves, "GZIP"),
        encoded(GOOD.as_bytes(), "identity"),
        typed("Application/JSON; charset=\"UTF-8\""),
    ] {
        assert_eq!(good.send().status, 200);
    }
    assert_eq!(server.client.group("ok-1")["name"], "Good one");
}

#[test]
fn a_body_that_is_announced_too_large_is_not_awaited() {
    let server = Server::start();
    let announced = |bytes: usize| server.client.post(UPSERT, "").with("content-length", bytes.to_string());
    let over = (32 << 20) + 1;
    for exchange in [announced(over), announced(over).header("expect", "100-continue")] {
        let answer = check(&exchange, 413, "PAYLOAD_TOO_LARGE", "");
        assert_eq!(answer.json()["limit"], 32 << 20);
        assert_eq!(answer.header("connection"), Some("close"));
    }
    // Who is nobody is told so before a byte of the body is read, and the connection ends there.
    let stranger = announced(32 << 20).without("authorization").without("connection");
    check(&stranger, 401, "UNAUTHENTICATED", "");
}

#[test]
fn an_unannounced_body_is_limited_too() {
    let server = Server::start();
    let chunked = |bytes: usize| {
        let mut body = format!("{bytes:x}\r\n").into_bytes();
        body.extend(std::iter::repeat_n(b' ', bytes - GOOD.len()));
        body.extend(GOOD.as_bytes());
        body.extend(b"\r\n0\r\n\r\n");
        let exchange = server.client.post(UPSERT, body).without("content-length");
        exchange.header("transfer-encoding", "chunked")
    };
    assert_eq!(chunked(32 << 20).send().status, 200);
    // The server may hang up on the rest of the body: then there may be no answer, but never a good one.
    let answer = chunked((32 << 20) + 1).try_send();
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 413));
    assert_eq!(server.client.all(100).len(), 1);
}

#[test]
fn strangers_all_hear_the_same() {
    let server = Server::start();
    let key = server.client.key.clone();
    let (revoked_id, revoked) = server.new_key("default", "groups:read,groups:write");
    assert_eq!(revoked.post(UPSERT, GOOD).send().status, 200);
    server.cli(["keys", "revoke", &revoked_id]);
    // A sound key, as far as its check tells, that nobody has.
    let (_, unknown) = Server::start().new_key("default", "groups:write");
    let digit = key.len() - 20;
    let other_digit = if key.as_bytes()[digit] == b'0' { "1" } else { "0" };
    let wrong_secret = format!("{}{other_digit}{}", &key[..digit], &key[digit + 1..]);
    let as_sent = |value: String| server.client.post(UPSERT, GOOD).with("authorization", value);
    let answers: Vec<Answer> = [
        server.client.post(UPSERT, GOOD).without("authorization"),
        as_sent("Bearer".into()),
        as_sent("Bearer ".into()),
        as_sent(format!("Bearer {}", unknown.key)),
        as_sent(format!("Bearer {wrong_secret}")),
        as_sent(format!("Bearer {}", key.to_uppercase())),
        as_sent(format!("Bearer {}", revoked.key)),
        as_sent(format!("Bearer {}", "x".repeat(20_000))),
        as_sent(format!("Basic {key}")),
        as_sent(key.clone()),
        as_sent(format!("Bearer {key} {key}")),
        as_sent("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.".into()),
    ]
    .iter()
    .map(|exchange| check(&exchange.clone().header("x-request-id", "same"), 401, "UNAUTHENTICATED", ""))
    .collect();
    for answer in &answers {
        assert_eq!(answer.text(), answers[0].text());
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let twice = server.client.post(UPSERT, GOOD).header("authorization", format!("Bearer {key}"));
    check(&twice, 400, "BAD_REQUEST", "MULTIPLE_AUTHORIZATION");
    // The scheme's name knows no case (RFC 9110 §11.1).
    assert_eq!(as_sent(format!("bearer {key}")).send().status, 200);
}

#[test]
fn a_key_opens_what_its_scopes_say() {
    let server = Server::start();
    let (_, reader) = server.new_key("default", "groups:read");
    let (_, writer) = server.new_key("default", "groups:write");
    let (_, admin) = server.new_key("default", "admin");
    for (client, read, write) in [(&reader, 200, 403), (&writer, 403, 200), (&admin, 403, 403)] {
        let answers = [
            (client.get(GROUPS), read, "groups:read"),
            (
                client.get(&format!("{BY_REFERENCE}nobody")),
                if read == 200 { 404 } else { 403 },
                "groups:read",
            ),
            (client.post(UPSERT, GOOD), write, "groups:write"),
            (client.post(&format!("{UPSERT}?dryRun=true"), GOOD), write, "groups:write"),
        ];
        for (exchange, status, scope) in answers {
            if status == 403 {
                let problem = check(&exchange, 403, "FORBIDDEN", "MISSING_SCOPE").json();
                assert_eq!(problem["scope"], scope);
            } else {
                assert_eq!(exchange.send().status, status);
            }
        }
    }
}

#[test]
fn paths_and_methods() {
    let server = Server::start();
    let client = &server.client;
    for path in ["/", "/v3", "/v3/group", "/v3/groups/", "/v4/groups", "/v3/groups/batch-upsert/x", "/%00"] {
        check(&client.get(path), 404, "NOT_FOUND", "");
    }
    check(&client.get(&format!("{BY_REFERENCE}nobody")), 404, "GROUP_NOT_FOUND", "");
    check(&client.get(&format!("{BY_REFERENCE}{}", "k".repeat(65))), 404, "GROUP_NOT_FOUND", "");
    check(&client.get(&format!("{BY_REFERENCE}%FF")), 404, "GROUP_NOT_FOUND", "");
    for (target, method, allow) in [
        (UPSERT, "GET", "POST"),
        (UPSERT, "PUT", "POST"),
        (UPSERT, "TRACE", "POST"),
        (GROUPS, "DELETE", "GET,HEAD,POST"),
        ("/v3/groups/by-reference-id/x", "POST", "GET,HEAD,PATCH,DELETE"),
        ("/v3/groups/by-reference-id/x/restore", "GET", "POST"),
        ("/v3/groups/1/children", "DELETE", "GET,HEAD"),
        ("/v3/groups/1", "PUT", "GET,HEAD,PATCH,DELETE"),
        ("/v3/groups/batch-archive", "GET", "POST"),
        ("/healthz", "POST", "GET,HEAD"),
    ] {
        let exchange = client.get(target).method(method);
        let answer = check(&exchange, 405, "METHOD_NOT_ALLOWED", "");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {target}");
    }
}

#[test]
fn parameters() {
    let server = Server::start();
    for query in [
        "dryRun=yes",
        "dryRun=",
        "dryRun",
        "dryRun=TRUE",
        "dryRun=1",
        "dryrun=true",
        "dry_run=true",
        "dryRun=true&dryRun=false",
    ] {
        check(
            &server.client.post(&format!("{UPSERT}?{query}"), GOOD),
            400,
            "VALIDATION_ERROR",
            "INVALID_PARAMETER",
        );
    }
    for query in
        ["limit=0", "limit=1001", "limit=x", "limit=-1", "limit=", "limit=1e2", "limit=1&limit=2", "x=1"]
    {
        check(&server.client.get(&format!("{GROUPS}?{query}")), 400, "VALIDATION_ERROR", "INVALID_PARAMETER");
    }
    check_empty(&server);
    // The tenant comes from the key alone.
    let elsewhere = server.new_tenant("elsewhere");
    let body = GOOD.replace(r#""name""#, r#""tenantId":"elsewhere","name""#);
    let exchange = server.client.post(&format!("{UPSERT}?tenantId=elsewhere&dryRun=false"), body);
    let answer = exchange.header("x-tenant-id", "elsewhere").send();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["results"][0]["warnings"][0]["code"], "UNKNOWN_FIELD");
    assert_eq!((server.client.all(10).len(), elsewhere.all(10).len()), (1, 0));
}

#[test]
fn heads() {
    let server = Server::start();
    let post = || server.client.post(UPSERT, GOOD);
    // Host, Connection, Authorization, Content-Type, Content-Length, and as many more.
    let fields =
        |count: usize| (0..count).fold(post(), |post, index| post.header(&format!("x-{index}"), "1"));
    let target = |length: usize| {
        let start = format!("{UPSERT}?x=");
        format!("{start}{}", "x".repeat(length - start.len()))
    };
    let preflight = server.client.get(UPSERT).method("OPTIONS").header("origin", "https://elsewhere.example");
    let packed = post().without("content-length").header("transfer-encoding", "gzip, chunked");
    let chunked_twice = post().without("content-length").header("transfer-encoding", "chunked");
    let chunked_twice = chunked_twice.header("transfer-encoding", "chunked");
    for (exchange, status, code, reason) in [
        (post().without("host"), 400, "BAD_REQUEST", "MISSING_HOST"),
        (post().header("host", "evil"), 400, "BAD_REQUEST", "MULTIPLE_HOST"),
        (post().with("host", ""), 400, "BAD_REQUEST", "INVALID_HOST"),
        (post().with("host", "a b/c"), 400, "BAD_REQUEST", "INVALID_HOST"),
        (server.client.get(GROUPS).without("host"), 400, "BAD_REQUEST", "MISSING_HOST"),
        (packed, 501, "NOT_IMPLEMENTED", "TRANSFER_CODING"),
        (chunked_twice, 501, "NOT_IMPLEMENTED", "TRANSFER_CODING"),
        (post().header("expect", "200-ok"), 417, "EXPECTATION_FAILED", ""),
        (fields(60), 431, "HEADERS_TOO_LARGE", ""),
        (post().header("x-large", "x".repeat(33 << 10)), 431, "HEADERS_TOO_LARGE", ""),
        (server.client.post(&target((8 << 10) + 1), GOOD), 414, "URI_TOO_LONG", ""),
        (preflight.header("access-control-request-method", "POST"), 403, "FORBIDDEN", ""),
    ] {
        let answer = check(&exchange, status, code, reason);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    check_empty(&server);
    for exchange in [fields(59), server.client.post(&target(8 << 10), GOOD)] {
        assert_eq!(exchange.send().status, 200);
    }
}

#[test]
fn far_too_many_headers() {
    let server = Server::start();
    let post = server.client.post(UPSERT, GOOD);
    let fields = (0..200).fold(post, |post, index| post.header(&format!("x-{index}"), "1"));
    check(&fields, 431, "HEADERS_TOO_LARGE", "");
}

/// hyper refuses these before we see them: the answer has no body, but it is an answer, and the last.
#[test]
fn broken_framing() {
    let server = Server::start();
    let post = || server.client.post(UPSERT, GOOD).without("connection");
    let length = GOOD.len();
    for exchange in [
        post().with("content-length", format!("{length}, {length}")),
        post().with("content-length", format!("+{length}")),
        post().with("content-length", "99999999999999999999"),
        post().header("content-length", "1"),
        post().without("content-length").header("transfer-encoding", "xchunked"),
        post().without("content-length").header("transfer-encoding ", "chunked"),
        post().header("x-a", "b\r\n folded"),
        post().header("x-a", "a\rx-b: b"),
        post().header("x a", "b"),
        post().method("\u{16}\u{3}\u{1}"),
    ] {
        assert_eq!(exchange.send().status, 400, "{exchange:?}");
    }
    check_empty(&server);
}

#[test]
fn request_ids() {
    let server = Server::start();
    let with_id = |id: &[u8]| server.client.get(GROUPS).header("x-request-id", id).send();
    for plain in ["a", "0af17c48-10f7.b02e:1b4d_c2d8", &"x".repeat(128)] {
        assert_eq!(with_id(plain.as_bytes()).header("x-request-id"), Some(plain));
    }
    let mut given = Vec::new();
    for nasty in [
        &b""[..],
        b"two words",
        b"\"quoted\"",
        b"<b>",
        b"{\"a\":1}",
        b"a\tb",
        "\u{e9}t\u{e9}".as_bytes(),
        b"\xff",
        &[b'x'; 129],
    ] {
        given.push(with_id(nasty).header("x-request-id").unwrap().to_owned());
    }
    given.push(server.client.get(GROUPS).send().header("x-request-id").unwrap().to_owned());
    for id in &given {
        assert!(id.len() >= 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), 10, "no two requests have one id");
    let refused = server.client.get("/nowhere").header("x-request-id", "mine");
    assert_eq!(check(&refused, 404, "NOT_FOUND", "").json()["requestId"], "mine");
}
