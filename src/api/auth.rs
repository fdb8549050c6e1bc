//! Who may call: everybody, or those who hold the token.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// Who may call the API.
#[derive(Clone)]
pub enum Auth {
    /// Everybody.
    None,
    /// Whoever sends `Authorization: Bearer <token>`. Only the token's digest is kept.
    Bearer([u8; 32]),
}

impl Auth {
    /// Those who send `token`, without the white space around it.
    pub fn bearer(token: &str) -> Self {
        Self::Bearer(Sha256::digest(token.trim()).into())
    }

    /// Who sends what comes in over HTTP, where that is known.
    pub(super) fn sender(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Bearer(_) => Some("api"),
        }
    }

    /// Comparing digests in constant time tells nothing of the token, its length included.
    fn admits(&self, header: Option<&HeaderValue>) -> bool {
        let Self::Bearer(expected) = self else {
            return true;
        };
        let Some((scheme, token)) = header.and_then(|h| h.to_str().ok()?.split_once(' ')) else {
            return false;
        };
        let given: [u8; 32] = Sha256::digest(token.trim()).into();
        let difference = given.iter().zip(expected).fold(0, |sum, (a, b)| sum | (a ^ b));
        scheme.eq_ignore_ascii_case("bearer") && std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}

/// Lets a request pass or answers 401.
pub(super) async fn check(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    if auth.admits(request.headers().get(AUTHORIZATION)) {
        return next.run(request).await;
    }
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "send the API's token as `Authorization: Bearer <token>`",
    );
    let mut response = problem.into_response();
    response
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
