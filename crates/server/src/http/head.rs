//! What the head of a request must look like before anything else is asked. hyper alone lets all of
//! this through (RFC 9112 §§3.2, 6.1; RFC 9110 §10.1.1).

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, header, request};
use faces::groups::Refusal;

/// The most header fields of a request (rules §10). hyper is told a larger number, so that we answer.
pub(super) const MAX_FIELDS: usize = 64;
/// The most bytes of all names and values together (rules §10).
pub(super) const MAX_HEADERS: usize = 32 << 10;
/// The most bytes of the request target (rules §10).
pub(super) const MAX_TARGET: usize = 8 << 10;

/// Refuses a request for its head alone.
pub(super) fn check(head: &request::Parts) -> Result<(), Refusal> {
    let headers = &head.headers;
    if target_size(head) > MAX_TARGET {
        return Err(Refusal::UriTooLong);
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > MAX_FIELDS || size > MAX_HEADERS {
        return Err(Refusal::HeadersTooLarge);
    }
    check_host(headers)?;
    // Several lines are one list, in which `chunked` may stand once; hyper looks at the last line alone.
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter().map(HeaderValue::as_bytes);
    if codings.next().is_some_and(|coding| !coding.eq_ignore_ascii_case(b"chunked"))
        || codings.next().is_some()
    {
        return Err(Refusal::NotImplemented { reason: "TRANSFER_CODING" });
    }
    let expectation = headers.get(header::EXPECT).map(HeaderValue::as_bytes);
    if expectation.is_some_and(|expected| !expected.eq_ignore_ascii_case(b"100-continue")) {
        return Err(Refusal::ExpectationFailed);
    }
    // A browser asks on behalf of another site before it sends a request with a key.
    if head.method == Method::OPTIONS && headers.contains_key(header::ORIGIN) {
        return Err(Refusal::ForeignOrigin);
    }
    Ok(())
}

fn target_size(head: &request::Parts) -> usize {
    head.uri.path_and_query().map_or(0, |target| target.as_str().len())
}

fn check_host(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (reason, detail) = match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_authority(host) => return Ok(()),
        (Some(_), None) => ("INVALID_HOST", "The Host header is not a host with or without a port."),
        (None, _) => ("MISSING_HOST", "The request has no Host header."),
        _ => ("MULTIPLE_HOST", "The request has more than one Host header."),
    };
    Err(Refusal::BadRequest { reason, detail })
}

/// A host, with or without a port; no user.
fn is_authority(host: &HeaderValue) -> bool {
    host.to_str().is_ok_and(|text| !text.contains('@') && text.parse::<Authority>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(method: &str, target: &str, headers: &[(&str, &str)]) -> &'static str {
        let mut request = axum::http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0).err().map_or("", |refusal| refusal.code())
    }

    #[test]
    fn heads() {
        let host = ("host", "h");
        for (headers, code) in [
            (vec![host], ""),
            (vec![], "BAD_REQUEST"),
            (vec![host, ("host", "evil")], "BAD_REQUEST"),
            (vec![("host", "groups.example.com:8080")], ""),
            (vec![("host", "[::1]:8080")], ""),
            (vec![("host", "")], "BAD_REQUEST"),
            (vec![("host", "a, b")], "BAD_REQUEST"),
            (vec![("host", "a/b")], "BAD_REQUEST"),
            (vec![("host", "user@h")], "BAD_REQUEST"),
            (vec![host, ("transfer-encoding", "chunked")], ""),
            (vec![host, ("transfer-encoding", "Chunked")], ""),
            (vec![host, ("transfer-encoding", "gzip, chunked")], "NOT_IMPLEMENTED"),
            (
                vec![host, ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
                "NOT_IMPLEMENTED",
            ),
            (vec![host, ("expect", "100-continue")], ""),
            (vec![host, ("expect", "200-ok")], "EXPECTATION_FAILED"),
            (vec![host, ("x-large", &"a".repeat(MAX_HEADERS - 12))], ""),
            (vec![host, ("x-large", &"a".repeat(MAX_HEADERS - 11))], "HEADERS_TOO_LARGE"),
            (vec![host, ("origin", "https://elsewhere.example")], ""),
        ] {
            assert_eq!(code_of("GET", "/", &headers), code, "{headers:?}");
        }
        assert_eq!(code_of("OPTIONS", "/", &[host, ("origin", "https://elsewhere.example")]), "FORBIDDEN");
        assert_eq!(code_of("GET", &format!("/{}", "a".repeat(MAX_TARGET - 1)), &[host]), "");
        assert_eq!(code_of("GET", &format!("/{}", "a".repeat(MAX_TARGET)), &[host]), "URI_TOO_LONG");
        let fields: Vec<(String, &str)> =
            (1..=MAX_FIELDS).map(|number| (format!("x-{number}"), "1")).collect();
        let with_host = |count: usize| {
            let others = fields[..count].iter().map(|(name, value)| (name.as_str(), *value));
            std::iter::once(host).chain(others).collect::<Vec<_>>()
        };
        assert_eq!(code_of("GET", "/", &with_host(MAX_FIELDS - 1)), "");
        assert_eq!(code_of("GET", "/", &with_host(MAX_FIELDS)), "HEADERS_TOO_LARGE");
    }
}
