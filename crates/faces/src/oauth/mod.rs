//! The token endpoint: OAuth 2.0 client credentials (RFC 6749 §§2.3.1, 4.4, 5.1, 5.2).
//!
//! # Where the publications are silent
//!
//! | decision | test |
//! | --- | --- |
//! | no client authentication at all, or none but `client_id`, is `invalid_client` as RFC 6749 §5.2 says; a secret without an id is `invalid_request` | `oauth::what_is_refused` |
//! | with Basic authentication the body may repeat the `client_id`, and nothing else of the client | `oauth::two_ways_at_once` |
//! | a parameter without a value is one that was not sent; unknown parameters are ignored, also repeated ones (RFC 6749 §3.2) | `oauth::what_is_understood` |
//! | a parameter of this call in the URL is refused, whatever the body says: what stands there ends in logs | `oauth::what_is_refused` |
//! | an error never repeats what was sent | `oauth::errors_repeat_nothing` |

mod form;
mod read;
mod status;
mod write;

pub use read::{Head, MAX_BYTES, TokenRequest, read};
pub use status::TokenError;
pub use write::write_token;
