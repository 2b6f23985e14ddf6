//! The flags of `serve` that say what HTTP may take, and what is told of it.

use clap::Args;

/// Bounds of connections and requests, whose pages may ask, and what is said about it all.
#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub(super) struct HttpFlags {
    /// A line on stdout for each answer: off, text or json [default: off]
    #[arg(long, value_name = "FORM")]
    access_log: Option<String>,
    /// Largest request body [default: 67108864]
    #[arg(long, value_name = "BYTES")]
    max_body_bytes: Option<String>,
    /// Connections open at once; more wait [default: 10000]
    #[arg(long, value_name = "COUNT")]
    max_connections: Option<String>,
    /// Time for the head of a request, and for the first one on a connection [default: 30s]
    #[arg(long, value_name = "TIME")]
    header_timeout: Option<String>,
    /// Largest head of a request [default: 65536]
    #[arg(long, value_name = "BYTES")]
    max_header_bytes: Option<String>,
    /// Time for the body of a request, longer for one that keeps to the body rate [default: 30s]
    #[arg(long, value_name = "TIME")]
    body_timeout: Option<String>,
    /// Bytes a second of a body that may take longer [default: 500]
    #[arg(long, value_name = "BYTES")]
    body_rate: Option<String>,
    /// Time that a connection may wait for its next request [default: 600s]
    #[arg(long, value_name = "TIME")]
    idle_timeout: Option<String>,
    /// Time that a client may leave an answer untaken [default: 60s]
    #[arg(long, value_name = "TIME")]
    write_timeout: Option<String>,
    /// Requests at once on one HTTP/2 connection [default: 256]
    #[arg(long, value_name = "COUNT")]
    max_streams: Option<String>,
    /// Silence after which an HTTP/2 client is asked whether it is there [default: 60s]
    #[arg(long, value_name = "TIME")]
    ping_interval: Option<String>,
    /// Origins whose pages may ask from browsers, with commas between them; * for all [default: none]
    #[arg(long, value_name = "ORIGINS")]
    cors_origins: Option<String>,
}

impl HttpFlags {
    /// Each with the name of its setting.
    pub(super) fn flags(self) -> [(&'static str, Option<String>); 12] {
        [
            ("access_log", self.access_log),
            ("max_body_bytes", self.max_body_bytes),
            ("max_connections", self.max_connections),
            ("header_timeout", self.header_timeout),
            ("max_header_bytes", self.max_header_bytes),
            ("body_timeout", self.body_timeout),
            ("body_rate", self.body_rate),
            ("idle_timeout", self.idle_timeout),
            ("write_timeout", self.write_timeout),
            ("max_streams", self.max_streams),
            ("ping_interval", self.ping_interval),
            ("cors_origins", self.cors_origins),
        ]
    }
}
