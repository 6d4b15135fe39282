//! Tokens for OAuth clients. Nothing is written.

use std::str::FromStr as _;

use store::StoreError;

use super::Service;
use crate::auth::{self, Denied, Principal, Scope, token};

/// A token that was made.
pub(crate) struct Issued {
    /// Whose it is.
    pub(crate) client: Principal,
    /// What its owner sends.
    pub(crate) token: String,
    /// What it is good for.
    pub(crate) scopes: String,
}

/// Why there is no token.
pub(crate) enum NoToken {
    /// The client is not known by what it presented.
    Denied(Denied),
    /// The client asks for a scope that there is not, or that it has not.
    Scope(Principal),
}

impl Service {
    /// A token for a client that is known by its secret: for these scopes, or for all it has.
    pub(crate) fn issue_token(
        &self,
        id: &str,
        secret: &str,
        scopes: Option<&str>,
    ) -> Result<Result<Issued, NoToken>, StoreError> {
        let client = match auth::authenticate_client(id, secret, |id| self.access_key(id))? {
            Ok(client) => client,
            Err(denied) => return Ok(Err(NoToken::Denied(denied))),
        };
        let wanted = scopes.map_or_else(|| Some(client.scopes().to_owned()), |words| narrow(&client, words));
        let Some(scopes) = wanted else { return Ok(Err(NoToken::Scope(client))) };
        let token = token::issue(&client, secret, &scopes, self.clock.now())
            .map_err(|error| StoreError::Internal(format!("a token cannot be signed: {error}")))?;
        Ok(Ok(Issued { client, token, scopes }))
    }
}

/// Scopes that a client asks for, if it has all of them.
fn narrow(client: &Principal, words: &str) -> Option<String> {
    let wanted = words.split(' ').map(Scope::from_str).collect::<Result<Vec<_>, _>>().ok()?;
    let may_all = wanted.iter().all(|scope| client.may(*scope));
    may_all.then(|| auth::as_words(Scope::ALL.into_iter().filter(|scope| wanted.contains(scope))))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use directory::{ChangePlace, Clock, TenantId, Timestamp};
    use store::{Options, Purpose, Store};

    use super::*;
    use crate::auth::{NewKey, new_client, new_key};
    use crate::service::Followed;

    const LIFE_MS: i64 = token::LIFE_SECONDS * 1000;

    /// A clock that is set by hand.
    #[derive(Clone, Default)]
    struct Hand(Arc<AtomicI64>);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }
    }

    fn open(directory: &Path) -> Box<dyn Store> {
        store::open(directory, &Options::new(Purpose::Serve)).unwrap()
    }

    fn add(store: &dyn Store, key: &NewKey) {
        let stored = key.stored.clone();
        store::write(store, move |transaction| transaction.create_access_key(&stored)).unwrap();
    }

    /// A service on a clock, with a tenant and a client of it.
    fn service(directory: &Path, clock: &Hand) -> (Service, NewKey) {
        let store = open(directory);
        let tenant = store::write(&*store, |tx| tx.create_tenant("t", Timestamp(0))).unwrap().unwrap().id;
        let client = new_client(tenant, &[Scope::GroupsRead, Scope::GroupsWrite], Timestamp(0)).unwrap();
        add(&*store, &client);
        (Service::new(store, Box::new(clock.clone()), 64, 1, 1), client)
    }

    fn sign_in(service: &Service, client: &NewKey, scopes: Option<&str>) -> Result<Issued, NoToken> {
        service.issue_token(&client.stored.id, &client.text, scopes).unwrap()
    }

    #[test]
    fn a_token_lives_half_an_hour_across_restarts_and_its_streams_no_longer() {
        let (directory, clock) = (tempfile::tempdir().unwrap(), Hand::default());
        let (service, client) = service(directory.path(), &clock);
        clock.0.store(1_000_000, Ordering::Relaxed);
        let token = sign_in(&service, &client, None).ok().unwrap().token;
        let sender = service.authenticate(&token).unwrap().unwrap();
        let place = ChangePlace::end_of(0);
        service.close();
        drop(service);
        // Another process on the same files.
        let service = Service::new(open(directory.path()), Box::new(clock.clone()), 64, 1, 1);
        for (at, good) in [(1_000_000, true), (999_999 + LIFE_MS, true), (1_000_000 + LIFE_MS, false)] {
            clock.0.store(at, Ordering::Relaxed);
            let known = service.authenticate(&token).unwrap();
            let expected = if good { None } else { Some(Denied::Expired(client.stored.id.clone())) };
            assert_eq!(known.err(), expected, "{at}");
            let followed = service.follow(&sender, place, 1).unwrap();
            assert_eq!(matches!(followed, Followed::Changes(_)), good, "{at}");
            assert_eq!(matches!(followed, Followed::Revoked), !good, "{at}");
        }
        assert!(sign_in(&service, &client, None).is_ok(), "and the next one is handed out");
    }

    #[test]
    fn scopes_are_those_of_the_client_or_fewer() {
        let directory = tempfile::tempdir().unwrap();
        let (service, client) = service(directory.path(), &Hand::default());
        for (asked, expected) in [
            (None, Some("groups:read groups:write")),
            (Some("groups:read"), Some("groups:read")),
            (Some("groups:write groups:read"), Some("groups:read groups:write")),
            (Some("groups:read groups:read"), Some("groups:read")),
            (Some("admin"), None),
            (Some("groups:read admin"), None),
            (Some("groups:READ"), None),
            (Some(" groups:read"), None),
        ] {
            let issued = sign_in(&service, &client, asked);
            assert_eq!(issued.as_ref().ok().map(|issued| issued.scopes.as_str()), expected, "{asked:?}");
            assert!(expected.is_some() || matches!(issued, Err(NoToken::Scope(_))), "{asked:?}");
        }
    }

    #[test]
    fn who_is_no_client_gets_none() {
        let directory = tempfile::tempdir().unwrap();
        let (service, client) = service(directory.path(), &Hand::default());
        let key = new_key(client.stored.tenant, &Scope::ALL, Timestamp(0)).unwrap();
        add(&*service.store, &key);
        let stranger = new_client(TenantId(1), &Scope::ALL, Timestamp(0)).unwrap();
        let (key_id, stranger_id) = (key.stored.id.clone(), stranger.stored.id.clone());
        for (known, expected) in
            [(&key, Denied::WrongKind(key_id)), (&stranger, Denied::Unknown(stranger_id))]
        {
            let refused = sign_in(&service, known, None).err();
            assert!(matches!(&refused, Some(NoToken::Denied(denied)) if *denied == expected));
        }
        assert_eq!(service.authenticate(&key.text).unwrap().err(), None);
    }
}
