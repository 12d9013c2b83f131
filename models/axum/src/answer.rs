//! The responses, and the caller of a request.

use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, request::Parts, StatusCode},
    response::{IntoResponse, Response},
};
use std::error::Error;

/// Who a request acts for.  A gateway in front of this service has verified the token, which is the caller's name.
pub struct Caller(pub String);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let name = header.and_then(|text| text.strip_prefix("Bearer "));
        name.map(|name| Caller(name.to_owned())).ok_or(StatusCode::UNAUTHORIZED)
    }
}

/// Why a request is refused.
pub enum Refusal {
    NotFound,
    NotYours,
    Changed,
    Failed(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::NotFound => StatusCode::NOT_FOUND.into_response(),
            Refusal::NotYours => StatusCode::FORBIDDEN.into_response(),
            Refusal::Changed => StatusCode::CONFLICT.into_response(),
            Refusal::Failed(why) => {
                eprintln!("{why}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// The refusal for unexpected errors: the details go to the log, not to the client.
pub fn failed(fault: impl Error) -> Refusal {
    let mut why = fault.to_string();
    let mut source = fault.source();
    while let Some(inner) = source {
        why = format!("{why}: {inner}");
        source = inner.source();
    }
    Refusal::Failed(why)
}
