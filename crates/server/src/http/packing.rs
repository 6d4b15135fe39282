//! Answers in gzip, zstd or br, for clients that ask for it.

use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::response::Response;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// From how many bytes on it is worth the while: what is shorter fits into one packet anyway.
const WORTHWHILE: u64 = 1 << 10;

/// The status that a handler has given.
#[derive(Debug, Clone, Copy)]
struct Given(StatusCode);

/// Packs answers in JSON; problem documents are written outside of it and short.
pub(super) fn layer() -> CompressionLayer<impl Predicate + Send + Sync + 'static> {
    // The server's time is dearer than the line: the fastest level of each already makes a tenth of it.
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(WORTHWHILE).and(is_json))
}

fn is_json(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(header::CONTENT_TYPE) == Some(&HeaderValue::from_static("application/json"))
}

/// To be called inside of the layer: [`restore`] undoes what it does to the status.
pub(super) async fn remember(mut response: Response) -> Response {
    let status = response.status();
    response.extensions_mut().insert(Given(status));
    response
}

/// Where a client accepts no coding at all, not even none, the layer says 406, after the request has been
/// done: a batch that is stored would look refused. Such a client gets its answer as it is (RFC 9110 §12.5.3).
pub(super) fn restore(response: &mut Response) {
    if let Some(Given(status)) = response.extensions_mut().remove() {
        *response.status_mut() = status;
    }
}
