//! What each refusal of a token is to HTTP, to programs and to people (RFC 6749 §5.2): one table.

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// The request is not as it should be: the sentence says how.
    InvalidRequest(&'static str),
    /// The client is not known by what it presented.
    InvalidClient,
    /// Another grant than that of client credentials.
    UnsupportedGrantType,
    /// A scope that there is not, or that the client has not.
    InvalidScope,
}

/// Status, code, the caller's sentence.
struct Line(u16, &'static str, &'static str);

impl TokenError {
    /// One of each kind.
    pub const ALL: [Self; 4] = [
        Self::InvalidRequest("grant_type is missing from the body."),
        Self::InvalidClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
    ];

    const fn line(self) -> Line {
        match self {
            Self::InvalidRequest(detail) => Line(400, "invalid_request", detail),
            Self::InvalidClient => Line(
                401,
                "invalid_client",
                "Send client_id and client_secret of a client that is known and not revoked.",
            ),
            Self::UnsupportedGrantType => {
                Line(400, "unsupported_grant_type", "The only grant_type is client_credentials.")
            }
            Self::InvalidScope => Line(
                400,
                "invalid_scope",
                "scope may only name scopes that the client has, separated by single spaces.",
            ),
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.line().0
    }

    /// The stable code.
    pub const fn code(self) -> &'static str {
        self.line().1
    }

    /// The caller's sentence.
    pub const fn description(self) -> &'static str {
        self.line().2
    }
}
