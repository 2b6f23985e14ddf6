//! Pages of other origins in browsers (Fetch Standard, "HTTP-CORS protocol").

use std::fmt;
use std::str::FromStr;

use axum::Router;
use http::header::{HeaderName, RETRY_AFTER};
use http::{HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::body::JSON_LENGTH;
use crate::explain;

/// Whose pages may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Pages of this server only.
    Own,
    /// All pages.
    Any,
    /// Pages of these origins too, such as `https://example.org`.
    These(Vec<HeaderValue>),
}

/// Text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected * or origins such as https://example.org, got '{0}'")]
pub struct NoOrigin(String);

impl FromStr for Origins {
    type Err = NoOrigin;

    /// Origins with commas or white space between them, or `*`; nothing is [`Origins::Own`].
    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let origins: Vec<_> = text
            .split(|character: char| character == ',' || character.is_whitespace())
            .filter(|part| !part.is_empty())
            .collect();
        match origins.as_slice() {
            [] => Ok(Self::Own),
            ["*"] => Ok(Self::Any),
            several => several.iter().map(|text| origin(text)).collect::<Result<_, _>>().map(Self::These),
        }
    }
}

/// A scheme, a host, and a port where it is not the scheme's own: browsers send no more (RFC 6454, section 6.2).
fn origin(text: &str) -> Result<HeaderValue, NoOrigin> {
    let wrong = || NoOrigin(text.to_owned());
    let (scheme, host) = text.split_once("://").ok_or_else(wrong)?;
    if !matches!(scheme, "http" | "https") || host.is_empty() || host.contains(['/', '?', '#', '@', '*']) {
        return Err(wrong());
    }
    HeaderValue::from_str(text).map_err(|_| wrong())
}

impl fmt::Display for Origins {
    /// As it is read.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => Ok(()),
            Self::Any => formatter.write_str("*"),
            Self::These(origins) => {
                let origins: Vec<_> = origins.iter().filter_map(|origin| origin.to_str().ok()).collect();
                formatter.write_str(&origins.join(","))
            }
        }
    }
}

impl Origins {
    /// Lets pages of these origins ask the routes. Requests with credentials are not among what they may ask: the server
    /// knows none.
    pub fn allow(self, routes: Router) -> Router {
        let origins = match self {
            Self::Own => return routes,
            Self::Any => AllowOrigin::any(),
            Self::These(origins) => AllowOrigin::list(origins),
        };
        let cors = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::HEAD, Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(exposed());
        routes.layer(cors)
    }
}

/// Headers of answers that scripts of these pages may read; the last one is the shell's.
fn exposed() -> Vec<HeaderName> {
    let others = [JSON_LENGTH, RETRY_AFTER, HeaderName::from_static("x-request-id")];
    explain::HEADERS.into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_what_browsers_send() {
        for text in ["", "*", "https://a.example", "https://a.example,http://[::1]:3000"] {
            assert_eq!(text.parse::<Origins>().unwrap().to_string(), text);
        }
        assert_eq!("http://a,\nhttp://b".parse::<Origins>().unwrap().to_string(), "http://a,http://b");
        for wrong in ["a.example", "https://", "https://a.example/", "ftp://a", "https://*.example", "*,http://a"] {
            assert!(wrong.parse::<Origins>().is_err(), "{wrong}");
        }
    }
}
