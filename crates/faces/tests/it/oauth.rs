//! Requests for tokens, and their answers.

use faces::oauth::{Head, TokenError, TokenRequest, read, write_token};

const FORM: &[u8] = b"application/x-www-form-urlencoded";
const GOOD: &str = "grant_type=client_credentials&client_id=i&client_secret=s";

/// A request with a form.
fn form() -> Head<'static> {
    Head { content_type: vec![FORM], ..Head::default() }
}

fn told(asked: Result<TokenRequest, TokenError>) -> String {
    match asked {
        Ok(TokenRequest { client_id, client_secret, scope }) => {
            format!("{client_id} {client_secret} {}", scope.as_deref().unwrap_or("-"))
        }
        Err(error) => format!("{} {}", error.status(), error.code()),
    }
}

#[track_caller]
fn check(head: &Head<'_>, body: &str, expected: &str) {
    assert_eq!(told(read(head, body.as_bytes())), expected, "{head:?} {body}");
}

/// The value of Basic authentication.
fn basic(pair: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

#[test]
fn what_is_understood() {
    for (body, expected) in [
        (GOOD, "i s -"),
        ("client_secret=s&client_id=i&grant_type=client_credentials", "i s -"),
        ("&grant_type=client%5Fcredentials&&client_id=%69&client_secret=a+b%26c%2B&", "i a b&c+ -"),
        ("grant_type=client_credentials&client_id=i&client_secret=s&scope=a+b", "i s a b"),
        ("grant_type=client_credentials&client_id=i&client_secret=s&scope=", "i s -"),
        ("grant_type=client_credentials&client_id=i&client_secret=s&resource=1&resource=2&x", "i s -"),
        ("grant_type=client_credentials&client_id=%C3%A9&client_secret=s", "é s -"),
    ] {
        check(&form(), body, expected);
    }
    for content_type in [
        "Application/X-WWW-Form-URLencoded",
        "application/x-www-form-urlencoded; charset=\"UTF-8\"",
        "application/x-www-form-urlencoded;charset=utf-8;x=y",
    ] {
        check(&Head { content_type: vec![content_type.as_bytes()], ..form() }, GOOD, "i s -");
    }
    check(&Head { content_encoding: vec![b"identity"], ..form() }, GOOD, "i s -");
    check(&Head { query: Some("trace=1&&x"), ..form() }, GOOD, "i s -");
}

#[test]
fn what_is_refused() {
    let invalid = "400 invalid_request";
    for (body, expected) in [
        ("", invalid),
        ("client_id=i&client_secret=s", invalid),
        ("grant_type=&client_id=i&client_secret=s", invalid),
        ("grant_type=client_credentials&client_secret=s", invalid),
        ("grant_type=client_credentials&client_id=&client_secret=s", invalid),
        ("grant_type=client_credentials&client_id=i", "401 invalid_client"),
        ("grant_type=client_credentials&client_id=i&client_secret=", "401 invalid_client"),
        ("grant_type=client_credentials", "401 invalid_client"),
        ("grant_type=password&client_id=i&client_secret=s", "400 unsupported_grant_type"),
        ("grant_type=Client_Credentials&client_id=i&client_secret=s", "400 unsupported_grant_type"),
        ("grant_type=client_credentials&client_id=i&client_id=i&client_secret=s", invalid),
        ("grant_type=client_credentials&client_id=i&client_secret=s&client_secret=s", invalid),
        ("grant_type=client_credentials&grant_type=password&client_id=i&client_secret=s", invalid),
        ("grant_type=client_credentials&client_id=i&client_secret=s&scope=a&scope=b", invalid),
        ("grant_type=client_credentials&client_id=i&client_secret=s&scope=&scope=b", invalid),
        ("grant_type=client_credentials&client_id=i&client_secret=%zz", invalid),
        ("grant_type=client_credentials&client_id=i&client_secret=%+1", invalid),
        ("grant_type=client_credentials&client_id=i&client_secret=s%4", invalid),
        ("grant_type=client_credentials&client_id=i&client_secret=%FF", invalid),
        (r#"{"grant_type":"client_credentials","client_id":"i","client_secret":"s"}"#, invalid),
    ] {
        check(&form(), body, expected);
    }
    let not_utf8 = [GOOD.as_bytes(), b"\xff"].concat();
    assert_eq!(told(read(&form(), &not_utf8)), invalid);
    for head in [
        Head::default(),
        Head { content_type: vec![b"application/json"], ..Head::default() },
        Head { content_type: vec![b"multipart/form-data"], ..Head::default() },
        Head { content_type: vec![FORM, FORM], ..Head::default() },
        Head { content_type: vec![b"application/x-www-form-urlencoded; charset=latin1"], ..Head::default() },
        Head { content_encoding: vec![b"gzip"], ..form() },
        Head { content_encoding: vec![b"identity", b"gzip"], ..form() },
        Head { query: Some(GOOD), ..form() },
        Head { query: Some("x=1&client%5Fsecret=s"), ..form() },
        Head { query: Some("scope"), ..form() },
    ] {
        check(&head, GOOD, invalid);
    }
}

#[test]
fn clients_in_the_header() {
    let body = "grant_type=client_credentials&scope=x";
    for (header, expected) in [
        (basic("i:s"), "i s x"),
        (basic("i:s").replace("Basic", "bASIC"), "i s x"),
        (basic("i:s:t"), "i s:t x"),
        (basic("a%20b:c+d%3A"), "a b c d: x"),
        (basic("i"), "401 invalid_client"),
        (basic("i:%zz"), "401 invalid_client"),
        ("Basic".into(), "401 invalid_client"),
        ("Basic i:s".into(), "401 invalid_client"),
        ("Basic aTpz=".into(), "401 invalid_client"),
        ("Bearer rosterd_token_x".into(), "401 invalid_client"),
        (String::new(), "401 invalid_client"),
    ] {
        check(&Head { authorization: vec![header.as_bytes()], ..form() }, body, expected);
    }
    let not_utf8 = Head { authorization: vec![b"Basic \xff"], ..form() };
    check(&not_utf8, body, "401 invalid_client");
    let latin1 = Head { authorization: vec![b"Basic /zpz"], ..form() };
    check(&latin1, body, "401 invalid_client");
}

#[test]
fn two_ways_at_once() {
    let header = basic("i:s");
    let head = Head { authorization: vec![header.as_bytes()], ..form() };
    for (body, expected) in [
        ("grant_type=client_credentials&client_id=i", "i s -"),
        ("grant_type=client_credentials&client_id=j", "400 invalid_request"),
        (GOOD, "400 invalid_request"),
        ("grant_type=client_credentials&client_secret=s", "400 invalid_request"),
    ] {
        check(&head, body, expected);
    }
    let twice = Head { authorization: vec![header.as_bytes(); 2], ..form() };
    check(&twice, "grant_type=client_credentials", "400 invalid_request");
}

#[test]
fn bodies() {
    let text = |body: Vec<u8>| String::from_utf8(body).expect("UTF-8");
    insta::assert_snapshot!(text(write_token("t", 1800, "groups:read")), @r#"{"access_token":"t","token_type":"Bearer","expires_in":1800,"scope":"groups:read"}"#);
    insta::assert_snapshot!(text(TokenError::InvalidClient.body()), @r#"{"error":"invalid_client","error_description":"Send client_id and client_secret of a client that is known and not revoked."}"#);
    // RFC 6749 §5.2: no quotes, no backslashes, nothing beyond ASCII.
    for error in TokenError::ALL {
        let plain = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        assert!(error.description().bytes().all(plain), "{error:?}");
    }
}

#[test]
fn errors_repeat_nothing() {
    let planted = "planted";
    let header = basic("planted:planted");
    for head in [
        form(),
        Head { authorization: vec![header.as_bytes()], ..form() },
        Head { query: Some("client_secret=planted"), ..form() },
        Head { content_type: vec![b"planted"], ..Head::default() },
    ] {
        for body in ["grant_type=planted&client_id=planted&client_secret=planted", "client_secret=planted"] {
            let error = read(&head, body.as_bytes()).err().expect("refused");
            assert!(!String::from_utf8_lossy(&error.body()).contains(planted), "{error:?}");
        }
    }
}
