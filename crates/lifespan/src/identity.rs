//! Who asks, and what the request is called in logs: its own id, and its place in a distributed trace.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use uuid::Builder;
use uuid::fmt::Hyphenated;

use crate::address::Peer;

/// The header that brings a request's id and takes it back.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const LONGEST_ID: usize = 128;

/// What a request is called and who sent it; an extension of every request, which a handler gets as
/// [`Extension<Identity>`](axum::Extension). Its id is in the header `x-request-id` of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    id: Id,
    /// Who asks.
    pub peer: Peer,
    /// Where the caller's `traceparent` puts it.
    pub trace: Option<TraceParent>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Id {
    /// By the caller.
    Given(HeaderValue),
    /// Here: a UUID as text.
    Made([u8; Hyphenated::LENGTH]),
}

/// A request's place in a trace, as W3C's Trace Context writes it (section 3.2, "Traceparent Header").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// Of the whole trace; not 0.
    pub trace_id: u128,
    /// Of the caller's part of it; not 0.
    pub parent_id: u64,
    /// Bit 0: the caller may have recorded it.
    pub flags: u8,
}

impl Identity {
    /// The id that the caller gave, if it is of 1 to 128 visible ASCII characters, or else a new one (UUID version 7).
    pub(crate) fn of(peer: Peer, headers: &HeaderMap) -> Self {
        let id = headers.get(REQUEST_ID).filter(|id| is_fit(id)).cloned();
        Self { id: id.map_or_else(Id::make, Id::Given), peer, trace: TraceParent::of(headers) }
    }

    /// The request's id.
    pub fn id(&self) -> &str {
        match &self.id {
            Id::Given(id) => id.to_str().unwrap_or_default(),
            Id::Made(id) => str::from_utf8(id).unwrap_or_default(),
        }
    }

    /// For everything that is logged on the way to the answer. Its level is that of errors, so that it is there for
    /// whatever is logged at all.
    pub(crate) fn span(&self) -> tracing::Span {
        let span = tracing::error_span!("request", id = self.id(), trace_id = tracing::field::Empty);
        if let Some(trace) = self.trace {
            span.record("trace_id", tracing::field::display(format_args!("{:032x}", trace.trace_id)));
        }
        span
    }

    pub(crate) fn header(&self) -> HeaderValue {
        match &self.id {
            Id::Given(id) => id.clone(),
            Id::Made(id) => HeaderValue::from_bytes(id).unwrap_or_else(|_| HeaderValue::from_static("-")),
        }
    }
}

impl Id {
    /// An id tells requests apart and keeps no secret, so that its random bits need not come from the kernel.
    fn make() -> Self {
        let milliseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let milliseconds = u64::try_from(milliseconds).unwrap_or_default();
        let random = fastrand::u128(..).to_le_bytes();
        let random = random.first_chunk().unwrap_or(&[0; 10]);
        let mut text = [0; Hyphenated::LENGTH];
        Builder::from_unix_timestamp_millis(milliseconds, random).into_uuid().hyphenated().encode_lower(&mut text);
        Self::Made(text)
    }
}

fn is_fit(id: &HeaderValue) -> bool {
    (1..=LONGEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

impl TraceParent {
    /// None where there is no header, more than one, or one that is wrong: the section asks to go on as if there were
    /// none.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        Self::parse(value.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(5, '-');
        let version = hex(fields.next()?, 2)?;
        let (trace_id, parent_id) = (hex(fields.next()?, 32)?, hex(fields.next()?, 16)?);
        let flags = hex(fields.next()?, 2)?;
        // A later version may have more fields.
        let is_known = version != 0xff && (version > 0 || fields.next().is_none());
        let parsed = Self { trace_id, parent_id: parent_id.try_into().ok()?, flags: flags.try_into().ok()? };
        (is_known && parsed.trace_id != 0 && parsed.parent_id != 0).then_some(parsed)
    }
}

/// So many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == digits && text.bytes().all(is_hex)).then(|| u128::from_str_radix(text, 16).ok())?
}

impl fmt::Display for TraceParent {
    /// As the header has it, in version 00.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the section.
    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        let parent = TraceParent::parse(EXAMPLE).unwrap();
        assert_eq!((parent.trace_id >> 120, parent.parent_id >> 56, parent.flags), (0x0a, 0xb7, 1));
        assert_eq!(parent.to_string(), EXAMPLE);
        assert_eq!(TraceParent::parse(&format!("cc{}-what-the-future-brings", &EXAMPLE[2..])), Some(parent));
    }

    #[test]
    fn a_wrong_traceparent_is_none() {
        let zero_trace = format!("00-{:032}-b7ad6b7169203331-01", 0);
        let zero_parent = format!("00-0af7651916cd43dd8448eb211c80319c-{:016}-01", 0);
        let (upper, more) = (EXAMPLE.to_uppercase(), format!("{EXAMPLE}-more"));
        let (version, short) = (EXAMPLE.replacen("00", "ff", 1), &EXAMPLE[..54]);
        for wrong in ["", "00", &zero_trace, &zero_parent, &upper, &more, &version, short, "00-x-y-01"] {
            assert_eq!(TraceParent::parse(wrong), None, "{wrong}");
        }
        let mut twice = HeaderMap::new();
        twice.append(TRACEPARENT, HeaderValue::from_static(EXAMPLE));
        assert!(Identity::of(Peer::Unix, &twice).trace.is_some());
        twice.append(TRACEPARENT, HeaderValue::from_static(EXAMPLE));
        assert!(Identity::of(Peer::Unix, &twice).trace.is_none());
    }

    #[test]
    fn an_id_is_kept_if_it_is_fit_for_a_log_and_made_if_not() {
        let id_of = |given: &[u8]| {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(given).unwrap())]);
            Identity::of(Peer::Unix, &headers).id().to_owned()
        };
        assert_eq!(id_of(b"abc-123/\"x\""), "abc-123/\"x\"");
        assert_eq!(id_of(&[b'x'; 128]), "x".repeat(128));
        for unfit in [&b""[..], b"two words", b"\xffnot ascii", &[b'x'; 129]] {
            assert_eq!(id_of(unfit).len(), 36, "{unfit:?}");
        }
        let made = || Identity::of(Peer::Unix, &HeaderMap::new());
        assert_ne!(made(), made());
    }
}
