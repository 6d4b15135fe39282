//! The token endpoint.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header, request};
use axum::response::Response;
use faces::oauth::{self, Head, TokenError, TokenRequest};

use super::App;
use super::answer::{Refused, token_granted, token_refused};
use super::body::receive_small;
use super::credentials::{blocking, count_request};
use super::gate::Facts;
use super::visit;
use crate::audit;
use crate::auth::Denied;
use crate::auth::token::LIFE_SECONDS;
use crate::service::{Issued, NoToken};

/// `POST /oauth2/token` and `/v2/oauth2/token`
pub(super) async fn token(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let body = receive_small(&head.headers, body, oauth::MAX_BYTES).await?;
    let issued = match oauth::read(&told(&head), &body) {
        Ok(asked) => issue(&app, asked).await?,
        Err(error) => Err((error, None)),
    };
    Ok(match issued {
        Ok(issued) => granted(&issued),
        Err((error, denied)) => {
            audit::token_refused(&visit::origin(), error.code(), denied.as_ref());
            token_refused(error)
        }
    })
}

fn told(head: &request::Parts) -> Head<'_> {
    let all = |name| values(&head.headers, &name);
    Head {
        content_type: all(header::CONTENT_TYPE),
        content_encoding: all(header::CONTENT_ENCODING),
        authorization: all(header::AUTHORIZATION),
        query: head.uri.query(),
    }
}

fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}

/// What becomes of a request: a token, or why there is none, with what only the audit log is told.
type Answered = Result<Issued, (TokenError, Option<Denied>)>;

/// Makes a token, or tells why not. Whoever fails too often is refused before anything is looked up.
async fn issue(app: &Arc<App>, asked: TokenRequest) -> Result<Answered, Refused> {
    app.rates.check_failures(visit::peer(), Some(&asked.client_id))?;
    let _turn = app.keys.turn().await?;
    let service = Arc::clone(&app.service);
    let issued = blocking(move || {
        Ok(service.issue_token(&asked.client_id, &asked.client_secret, asked.scope.as_deref())?)
    })
    .await?;
    count(app, issued).await
}

/// Counts a client that is not known as a guess, and one that is as a request of its own.
async fn count(app: &Arc<App>, issued: Result<Issued, NoToken>) -> Result<Answered, Refused> {
    let client = match &issued {
        Ok(Issued { client, .. }) | Err(NoToken::Scope(client)) => client,
        Err(NoToken::Denied(denied)) => {
            app.rates.count_failure(visit::peer());
            return Ok(Err((TokenError::InvalidClient, Some(denied.clone()))));
        }
    };
    visit::admitted(client);
    count_request(app, client).await?;
    Ok(issued.map_err(|_| (TokenError::InvalidScope, None)))
}

fn granted(issued: &Issued) -> Response {
    let Issued { client, token, scopes } = issued;
    audit::token_issued(&visit::origin(), client, scopes);
    let mut response = token_granted(oauth::write_token(token, LIFE_SECONDS, scopes));
    response.extensions_mut().insert(Facts { key_id: Some(client.key_id.clone()), tally: None });
    response
}
