//! Pages of other origins in browsers (Fetch Standard, "HTTP-CORS protocol").

use axum::Router;
use http::header::{HeaderName, RETRY_AFTER};
use http::{HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::wire::v2::HEADER_LENGTH;

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
            .expose_headers([HeaderName::from_static(HEADER_LENGTH), RETRY_AFTER]);
        routes.layer(cors)
    }
}
