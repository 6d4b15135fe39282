//! Who was refused for want of room a moment ago, so that refusing the next request of the same key costs no
//! look into the store: under overload most requests end here, and a look means two changes of threads.
//!
//! What is remembered can only refuse: whoever is let in has been looked up. A key that is revoked may thus
//! be answered 503 for a second where it should be 401.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::auth::{Principal, hash};

/// How long somebody is remembered.
const MEMORY: Duration = Duration::from_secs(1);
/// How many are.
const MOST: usize = 256;

/// Those who were refused, by the hash of their key.
#[derive(Default)]
pub(super) struct TurnedAway(Mutex<HashMap<[u8; 32], (Instant, Principal)>>);

impl TurnedAway {
    /// Whose key this was when it was refused a moment ago.
    pub(super) fn recall(&self, presented: &str) -> Option<Principal> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is hashed while nobody is refused.
        let (at, principal) = known.get(&(!known.is_empty()).then(|| hash(presented))?)?;
        (at.elapsed() < MEMORY).then(|| principal.clone())
    }

    /// This one was just looked up, and refused.
    pub(super) fn remember(&self, presented: &str, principal: &Principal) {
        let (now, hash) = (Instant::now(), hash(presented));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (at, _)| at.elapsed() < MEMORY);
        }
        if known.len() < MOST {
            known.insert(hash, (now, principal.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use directory::{TenantId, Timestamp};
    use tokio::time::advance;

    use super::*;
    use crate::auth::{Scope, new_key};

    #[tokio::test(start_paused = true)]
    async fn nobody_is_remembered_for_long() {
        let turned_away = TurnedAway::default();
        let key = new_key(TenantId(7), &[Scope::GroupsWrite], Timestamp(0)).unwrap();
        let principal = Principal::of(key.stored.clone());
        assert!(turned_away.recall(&key.text).is_none());
        turned_away.remember(&key.text, &principal);
        assert_eq!(turned_away.recall(&key.text).map(|known| known.tenant), Some(TenantId(7)));
        assert!(turned_away.recall(&format!("{}0", key.text)).is_none());
        advance(MEMORY).await;
        assert!(turned_away.recall(&key.text).is_none());
        for number in 0..2 * MOST {
            turned_away.remember(&number.to_string(), &principal);
        }
        assert_eq!(turned_away.0.lock().unwrap().len(), MOST);
    }
}
