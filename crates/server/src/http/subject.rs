//! Which group a path means.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use directory::{GroupId, LookupKey, ReferenceKey};
use faces::groups::Refusal;

/// The group that a path names, by `{id}` or by `{externalReferenceId}`; `None` where the text names none.
#[derive(Debug)]
pub(super) struct Subject(Option<LookupKey>);

impl Subject {
    /// The key to look for. What cannot be an id or a key is that of no group.
    pub(super) fn key(&self) -> Result<LookupKey, Refusal> {
        self.0.clone().ok_or(Refusal::GroupNotFound)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Subject {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let named = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await.ok();
        let key = named.and_then(|Path(named)| match &named.first()? {
            (name, text) if name == "id" => GroupId::parse(text).map(LookupKey::Id),
            (_, text) => ReferenceKey::parse(text).ok().map(LookupKey::Key),
        });
        Ok(Self(key))
    }
}
