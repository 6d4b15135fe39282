//! Requests for a token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::form;
use super::status::TokenError;

/// The most bytes of a form.
pub const MAX_BYTES: usize = 8 << 10;

const GRANT_TYPE: &str = "grant_type";
const CLIENT_ID: &str = "client_id";
const CLIENT_SECRET: &str = "client_secret";
const SCOPE: &str = "scope";

/// What the head of a request says.
#[derive(Debug, Clone, Default)]
pub struct Head<'a> {
    /// Each `Content-Type`.
    pub content_type: Vec<&'a [u8]>,
    /// Each `Content-Encoding`.
    pub content_encoding: Vec<&'a [u8]>,
    /// Each `Authorization`.
    pub authorization: Vec<&'a [u8]>,
    /// What stands behind the question mark of the URL.
    pub query: Option<&'a str>,
}

/// A client that asks for a token. It has no `Debug`: that would show the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The public id of the client.
    pub client_id: String,
    /// What it proves that by.
    pub client_secret: String,
    /// The scopes it asks for, as words; all it has if it says none.
    pub scope: Option<String>,
}

/// Reads a request: first its form, then which grant is asked for, then who asks.
pub fn read(head: &Head<'_>, body: &[u8]) -> Result<TokenRequest, TokenError> {
    check_head(head)?;
    let body = str::from_utf8(body).map_err(|_| invalid("The body is not UTF-8."))?;
    let form = Form::read(body)?;
    match form.grant_type.as_deref() {
        None => return Err(invalid("grant_type is missing from the body.")),
        Some("client_credentials") => {}
        Some(_) => return Err(TokenError::UnsupportedGrantType),
    }
    let (client_id, client_secret) = match basic(&head.authorization)? {
        Some((id, secret)) => {
            if form.client_secret.is_some() {
                return Err(invalid(
                    "The client authenticates in the header and in the body: one is enough.",
                ));
            }
            if form.client_id.is_some_and(|other| other != id) {
                return Err(invalid("client_id is another one than that of the header."));
            }
            (id, secret)
        }
        None => match (form.client_id, form.client_secret) {
            (Some(id), Some(secret)) => (id, secret),
            (None, Some(_)) => return Err(invalid("client_id is missing from the body.")),
            (_, None) => return Err(TokenError::InvalidClient),
        },
    };
    Ok(TokenRequest { client_id, client_secret, scope: form.scope })
}

const fn invalid(description: &'static str) -> TokenError {
    TokenError::InvalidRequest(description)
}

fn check_head(head: &Head<'_>) -> Result<(), TokenError> {
    let form = matches!(head.content_type[..], [value] if is_form(value));
    if !form {
        return Err(invalid("Send the body as application/x-www-form-urlencoded in UTF-8."));
    }
    if head.content_encoding.iter().any(|value| !value.eq_ignore_ascii_case(b"identity")) {
        return Err(invalid("Send the body plain, without Content-Encoding."));
    }
    let named = |name: &str| [GRANT_TYPE, CLIENT_ID, CLIENT_SECRET, SCOPE].contains(&name);
    let pairs = head.query.unwrap_or_default().split('&').filter_map(|pair| pair.split('=').next());
    if pairs.filter_map(form::decode).any(|name| named(&name)) {
        return Err(invalid("Parameters belong into the body, not into the URL, where logs keep them."));
    }
    Ok(())
}

fn is_form(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let mut parts = text.split(';').map(str::trim);
    let form =
        parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    let utf8 = parts.filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    form && utf8
}

/// The parameters of the form.
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    scope: Option<String>,
}

impl Form {
    /// What has no value was not sent, but counts where something is repeated.
    fn read(body: &str) -> Result<Self, TokenError> {
        let broken = invalid("The body is no form: an escape is broken, or what it stands for is not UTF-8.");
        let mut form = Self::default();
        for (name, value) in form::pairs(body).ok_or(broken)? {
            let place = match name.as_str() {
                GRANT_TYPE => &mut form.grant_type,
                CLIENT_ID => &mut form.client_id,
                CLIENT_SECRET => &mut form.client_secret,
                SCOPE => &mut form.scope,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(invalid("A parameter occurs more than once."));
            }
        }
        for place in [&mut form.grant_type, &mut form.client_id, &mut form.client_secret, &mut form.scope] {
            place.take_if(|value| value.is_empty());
        }
        Ok(form)
    }
}

/// Id and secret of Basic authentication, both encoded as in a form before (RFC 6749 §2.3.1, RFC 7617).
fn basic(values: &[&[u8]]) -> Result<Option<(String, String)>, TokenError> {
    let value = match values {
        [] => return Ok(None),
        [value] => str::from_utf8(value).map_err(|_| TokenError::InvalidClient)?,
        _ => return Err(invalid("The header Authorization occurs more than once.")),
    };
    let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(TokenError::InvalidClient);
    }
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
    let pair = pair.and_then(|(id, secret)| Some((form::decode(id)?, form::decode(secret)?)));
    pair.map(Some).ok_or(TokenError::InvalidClient)
}
