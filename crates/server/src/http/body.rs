//! Reading a request body: bounded in size and time, decompressed, of the right type.

use std::io::Read as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, header};
use bytes::Bytes;
use faces::groups::Refusal;
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt as _;

/// The most bytes of a body, as sent and after decompression (rules §10).
pub(super) const MAX_BYTES: usize = 32 << 20;
/// How long a client may send nothing (rules §10).
const IDLE: Duration = Duration::from_secs(10);
/// How much is set aside before the first byte has come, whatever the client announces.
const FIRST_ALLOCATION: usize = 1 << 20;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
}

/// What can be told from the head alone, before a byte of the body is read.
pub(super) fn check_head(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    check_media_type(single(headers, &header::CONTENT_TYPE, "MULTIPLE_CONTENT_TYPE")?)?;
    let encoding = encoding(headers)?;
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > MAX_BYTES as u64) {
        return Err(Refusal::PayloadTooLarge { limit: MAX_BYTES });
    }
    Ok(encoding)
}

/// A header that may occur once.
pub(super) fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    reason: &'static str,
) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Refusal::BadRequest {
            reason,
            detail: "A header that may occur once occurs several times.",
        });
    }
    Ok(first.map(|value| value.to_str().unwrap_or("")))
}

fn check_media_type(value: Option<&str>) -> Result<(), Refusal> {
    let mut parts = value.unwrap_or("").split(';').map(str::trim);
    let json = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"));
    let utf8 = parts.filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    if json && utf8 { Ok(()) } else { Err(Refusal::UnsupportedMediaType) }
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let mut values =
        headers.get_all(header::CONTENT_ENCODING).iter().map(|value| value.to_str().unwrap_or("?").trim());
    match (values.next(), values.next()) {
        (None, _) => Ok(Encoding::Identity),
        (Some(value), None) if value.eq_ignore_ascii_case("identity") => Ok(Encoding::Identity),
        (Some(value), None) if value.eq_ignore_ascii_case("gzip") => Ok(Encoding::Gzip),
        _ => Err(Refusal::UnsupportedEncoding),
    }
}

/// Reads a body to its end. Never returns a part of it.
pub(super) async fn receive(mut body: Body) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::PayloadTooLarge { limit: MAX_BYTES };
    let mut bytes = Vec::new();
    loop {
        let frame = tokio::time::timeout(IDLE, body.frame()).await.map_err(|_| Refusal::RequestTimeout)?;
        let Some(frame) = frame else { return Ok(bytes.into()) };
        let frame = frame.map_err(|_| Refusal::BadRequest {
            reason: "FRAMING",
            detail: "The body ended before its announced end, or its framing is broken.",
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > MAX_BYTES {
            return Err(too_large());
        }
        if bytes.is_empty() {
            bytes.reserve(FIRST_ALLOCATION.min(usize::try_from(body_size(&body)).unwrap_or(0) + data.len()));
        }
        bytes.extend_from_slice(&data);
    }
}

/// The bytes that are still announced, if any are.
fn body_size(body: &Body) -> u64 {
    use axum::body::HttpBody as _;
    body.size_hint().lower()
}

/// Unpacks a body. All members of a gzip stream are read, each with its check sum.
pub(super) fn decode(bytes: Bytes, encoding: Encoding) -> Result<Bytes, Refusal> {
    if encoding == Encoding::Identity {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let mut limited = MultiGzDecoder::new(&bytes[..]).take(MAX_BYTES as u64 + 1);
    limited.read_to_end(&mut plain).map_err(|_| Refusal::BadCompression)?;
    if plain.len() > MAX_BYTES {
        return Err(Refusal::PayloadTooLarge { limit: MAX_BYTES });
    }
    Ok(plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn head(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_head_decides() {
        let json = ("content-type", "application/json");
        for (pairs, code) in [
            (vec![json], ""),
            (vec![("content-type", "Application/JSON; charset=\"UTF-8\"")], ""),
            (vec![], "UNSUPPORTED_MEDIA_TYPE"),
            (vec![("content-type", "text/plain")], "UNSUPPORTED_MEDIA_TYPE"),
            (vec![("content-type", "application/x-ndjson")], "UNSUPPORTED_MEDIA_TYPE"),
            (vec![("content-type", "application/json; charset=utf-16")], "UNSUPPORTED_MEDIA_TYPE"),
            (vec![json, ("content-encoding", "gzip")], ""),
            (vec![json, ("content-encoding", "identity")], ""),
            (vec![json, ("content-encoding", "br")], "UNSUPPORTED_ENCODING"),
            (vec![json, ("content-encoding", "gzip, gzip")], "UNSUPPORTED_ENCODING"),
            (vec![json, ("content-length", "33554432")], ""),
            (vec![json, ("content-length", "33554433")], "PAYLOAD_TOO_LARGE"),
        ] {
            let code_found = check_head(&head(&pairs)).err().map_or("", |refusal| refusal.code());
            assert_eq!(code_found, code, "{pairs:?}");
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_read_whole_or_not_at_all() {
        let unpack = |bytes: Vec<u8>| decode(bytes.into(), Encoding::Gzip);
        assert_eq!(unpack(gzip(b"{}")).unwrap(), "{}");
        assert_eq!(unpack([gzip(b"{\"a\":"), gzip(b"1}")].concat()).unwrap(), "{\"a\":1}");
        let whole = gzip(b"{\"groups\":[]}");
        assert_eq!(unpack(whole[..whole.len() - 1].to_vec()), Err(Refusal::BadCompression));
        assert_eq!(unpack(b"{}".to_vec()), Err(Refusal::BadCompression));
        assert_eq!(
            unpack(gzip(&vec![b' '; MAX_BYTES + 1])),
            Err(Refusal::PayloadTooLarge { limit: MAX_BYTES })
        );
        assert_eq!(unpack(gzip(&vec![b' '; MAX_BYTES])).unwrap().len(), MAX_BYTES);
    }
}
