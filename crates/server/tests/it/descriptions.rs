//! The interface's own description, and the pages that show it.

use serde_json::Value;

use crate::harness::{Server, finish, rosterd};

#[test]
fn the_document_is_served_and_printed_alike() {
    let server = Server::start();
    let answer = server.client.get("/openapi.json").without("authorization").send();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    let (code, printed, stderr) = finish(rosterd().arg("openapi"));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), document);
    // Every path that it names is there.
    for path in document["paths"].as_object().unwrap().keys() {
        let answer =
            server.client.get(&path.replace("{externalReferenceId}", "x").replace("{id}", "7")).send();
        let known = answer.status != 404
            || ["GROUP_NOT_FOUND", "RUN_NOT_FOUND"].contains(&answer.json()["code"].as_str().unwrap());
        assert!(known, "{path}: {}", answer.text());
    }
    for path in ["/v3/groups", "/v3/groups/batch-upsert", "/v3/groups/by-reference-id/{externalReferenceId}"]
    {
        assert!(document["paths"][path].is_object(), "{path}");
    }
}

#[test]
fn the_pages_need_nobody_else() {
    let server = Server::start();
    let get = |path: &str| server.client.get(path).without("authorization").send();
    let first = get("/docs");
    let page = match first.header("location") {
        Some(location) => get(location),
        None => first,
    };
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let html = page.text();
    let named = |attribute: &str| {
        html.split(&format!("{attribute}=\""))
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let assets = [named("src"), named("href")].concat();
    assert!(assets.len() >= 4, "{html}");
    for asset in &assets {
        assert!(!asset.contains("//"), "{asset} lies elsewhere");
        let answer = get(&format!("/docs/{}", asset.trim_start_matches("./")));
        assert_eq!(answer.status, 200, "{asset}");
        assert!(!answer.body.is_empty(), "{asset}");
    }
    let initializer = get("/docs/swagger-initializer.js");
    for text in [html, initializer.text()] {
        assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
    }
    assert!(initializer.text().contains("\"/openapi.json\""), "{}", initializer.text());
    // Left unsaid, the pages ask a validator on the internet.
    assert!(initializer.text().contains("\"validatorUrl\": \"none\""), "{}", initializer.text());
    assert!(page.header("content-security-policy").unwrap().contains("connect-src 'self'"));
}
