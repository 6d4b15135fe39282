//! Reading a request body: bounded in size and time, decompressed, of the right type.

use std::io::Read as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, header};
use bytes::Bytes;
use faces::groups::Refusal;
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt as _;

use super::admission::places_for;
use super::deadlines::Pace;
use super::memory::Held;

/// The most bytes of a body, as sent and after decompression (rules §10).
pub(super) const MAX_BYTES: usize = 32 << 20;
/// How much is set aside before the first byte has come, whatever the client announces.
const FIRST_ALLOCATION: usize = 1 << 20;
/// Bytes that are unpacked before it is asked whether there is memory for them.
const PIECE: u64 = 1 << 20;

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
    if announced(headers) > MAX_BYTES as u64 {
        return Err(Refusal::PayloadTooLarge { limit: MAX_BYTES });
    }
    Ok(encoding)
}

/// The bytes that are announced; 0 where it is not said how many will come.
pub(super) fn announced(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    length.unwrap_or(0)
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

/// A whole body as it was sent, with the memory it holds.
pub(super) struct Received {
    bytes: Bytes,
    encoding: Encoding,
    held: Held,
}

impl Received {
    /// The places it takes to be carried out.
    pub(super) fn places(&self) -> usize {
        places_for(self.bytes.len(), self.encoding == Encoding::Gzip)
    }

    /// Unpacks it.
    pub(super) fn decode(self) -> Result<Plain, Refusal> {
        let Self { bytes, encoding, mut held } = self;
        let bytes = decode(bytes, encoding, |more| held.grow(more))?;
        Ok(Plain { bytes, _held: held })
    }
}

/// A whole body as it is meant, with the memory it holds.
pub(super) struct Plain {
    pub(super) bytes: Bytes,
    _held: Held,
}

/// Reads a body to its end. Never returns a part of it.
pub(super) async fn receive(body: Body, encoding: Encoding, mut held: Held) -> Result<Received, Refusal> {
    let bytes = collect(body, |more| held.grow(more)).await?;
    Ok(Received { bytes, encoding, held })
}

/// Reads a body of a few bytes to its end, before it is known whose it is. Its encoding is the reader's affair.
pub(super) async fn receive_small(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let too_large = Refusal::PayloadTooLarge { limit };
    if announced(headers) > limit as u64 {
        return Err(too_large);
    }
    let mut left = limit;
    collect(body, |more| {
        left = left.checked_sub(more).ok_or_else(|| too_large.clone())?;
        Ok(())
    })
    .await
}

/// The bytes of a body as they come, each piece if it is approved of.
pub(super) async fn collect(
    mut body: Body,
    mut approve: impl FnMut(usize) -> Result<(), Refusal>,
) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::PayloadTooLarge { limit: MAX_BYTES };
    let (mut bytes, mut pace) = (Vec::new(), Pace::start());
    loop {
        let frame = tokio::time::timeout_at(pace.deadline(), body.frame()).await;
        let frame = frame.map_err(|_| Refusal::RequestTimeout)?;
        let Some(frame) = frame else { return Ok(bytes.into()) };
        let frame = frame.map_err(|_| Refusal::BadRequest {
            reason: "FRAMING",
            detail: "The body ended before its announced end, or its framing is broken.",
        })?;
        let Ok(data) = frame.into_data() else { continue };
        pace.arrived(data.len());
        if bytes.len() + data.len() > MAX_BYTES {
            return Err(too_large());
        }
        approve(data.len())?;
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
fn decode(
    bytes: Bytes,
    encoding: Encoding,
    mut approve: impl FnMut(usize) -> Result<(), Refusal>,
) -> Result<Bytes, Refusal> {
    if encoding == Encoding::Identity {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let mut decoder = MultiGzDecoder::new(&bytes[..]);
    loop {
        let unpacked = (&mut decoder).take(PIECE).read_to_end(&mut plain);
        let unpacked = unpacked.map_err(|_| Refusal::BadCompression)?;
        if unpacked == 0 {
            return Ok(plain.into());
        }
        if plain.len() > MAX_BYTES {
            return Err(Refusal::PayloadTooLarge { limit: MAX_BYTES });
        }
        approve(unpacked)?;
    }
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
        let unpack = |bytes: Vec<u8>| decode(bytes.into(), Encoding::Gzip, |_| Ok(()));
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

    /// Receives pieces of so many bytes, each so many seconds after the one before; what came of it, and when.
    async fn arrive(pieces: impl Iterator<Item = (u64, usize)> + Send + 'static) -> (&'static str, u64) {
        let started = tokio::time::Instant::now();
        let pieces = futures_util::stream::unfold(pieces, async |mut pieces| {
            let (pause, bytes) = pieces.next()?;
            tokio::time::sleep(std::time::Duration::from_secs(pause)).await;
            Some((Ok::<_, std::io::Error>(vec![b'x'; bytes]), pieces))
        });
        let received = collect(Body::from_stream(pieces), |_| Ok(())).await;
        (received.map_or_else(|refusal| refusal.code(), |_| "all of it"), started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_arrive_in_time_or_not_at_all() {
        let steady = |pause, bytes, times| std::iter::repeat_n((pause, bytes), times);
        let late = "REQUEST_TIMEOUT";
        for (pieces, expected) in [
            (steady(0, 1 << 20, 32), ("all of it", 0)),
            (steady(9, 1, 1), ("all of it", 9)),
            // Nothing comes, or nothing more.
            (steady(11, 1, 1), (late, 10)),
            // Bytes come, but hardly any.
            (steady(1, 1, 1000), (late, 10)),
            (steady(1, 1 << 9, 1000), (late, 19)),
            (steady(1, 1 << 10, 50), ("all of it", 50)),
            (steady(1, 1 << 10, 100), (late, 60)),
            (steady(9, 5 << 20, 6), ("all of it", 54)),
        ] {
            assert_eq!(arrive(pieces.clone()).await, expected, "{pieces:?}");
        }
        assert_eq!(arrive([(0, 1 << 20), (11, 1)].into_iter()).await, (late, 10));
    }

    #[tokio::test]
    async fn nothing_is_kept_that_there_is_no_memory_for() {
        let budget = |mut left: usize| {
            move |more: usize| {
                left = left.checked_sub(more).ok_or(Refusal::Unavailable)?;
                Ok(())
            }
        };
        for (left, expected) in [(1000, None), (999, Some(Refusal::Unavailable))] {
            let body = Body::from_stream(futures_util::stream::iter(
                [400, 600].map(|bytes| Ok::<_, std::io::Error>(vec![b'x'; bytes])),
            ));
            assert_eq!(collect(body, budget(left)).await.err(), expected);
        }
        // A little that unpacks to a lot.
        let packed = gzip(&vec![b' '; MAX_BYTES]);
        for (left, expected) in [(MAX_BYTES, None), (MAX_BYTES - 1, Some(Refusal::Unavailable))] {
            let unpacked = decode(packed.clone().into(), Encoding::Gzip, budget(left));
            assert_eq!(unpacked.err(), expected);
        }
    }
}
