//! Text to values, the same for every layer, and back for `--print-config`.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::engines::UseOnnxRuntime;

/// What stands between the paths of a list, which may hold colons.
pub(crate) const PATH_SEPARATOR: &str = "\n";

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("expected text or json, got '{text}'")),
        }
    }
}

impl LogFormat {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

pub(super) fn parse<T: FromStr>(text: &str, expected: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("expected {expected}, got '{text}'"))
}

pub(super) fn bounded<T: Copy + FromStr + PartialOrd + Display>(text: &str, least: T, most: T) -> Result<T, String> {
    let wrong = || format!("expected a whole number from {least} to {most}, got '{text}'");
    text.parse().ok().filter(|number| *number >= least && *number <= most).ok_or_else(wrong)
}

/// `500ms`, `30s`, `5m`, `1h`, or a number of seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a time such as 500ms, 30s or 5m, got '{text}'");
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let amount: f64 = digits.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(amount * unit).map_err(|_| wrong())
}

/// `400M`, `2G`, `1.5GiB`, or a number of bytes. `k`, `M` and `G` are powers of 1000 as everywhere here, `Ki`, `Mi` and `Gi`
/// of 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected a size such as 400M, 2G or 2GiB, got '{text}'");
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = match text[digits.len()..].trim_end_matches('B') {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return Err(wrong()),
    };
    let amount: f64 = digits.parse().map_err(|_| wrong())?;
    bytes(amount * unit).ok_or_else(wrong)
}

/// Whole bytes, as far as a float has them.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is looked at")]
fn bytes(amount: f64) -> Option<u64> {
    const MOST: f64 = 1e15;
    (1.0..=MOST).contains(&amount).then_some(amount as u64)
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("expected a path, got nothing".to_owned()) } else { Ok(text.into()) }
}

/// The path of a URL, as it stands in requests.
pub(super) fn url_path(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
    if text.starts_with('/') && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("expected a URL's path such as /predict, got '{text}'"))
}

/// A port, or `off` for none.
pub(super) fn port(text: &str) -> Result<Option<u16>, String> {
    match text {
        "off" => Ok(None),
        _ => parse(text, "a port from 0 to 65535, or off").map(Some),
    }
}

pub(super) fn show_port(port: Option<u16>) -> String {
    port.map_or_else(|| quoted("off"), |port| port.to_string())
}

/// `auto`, `off`, or a path.
pub(super) fn library(text: &str) -> Result<UseOnnxRuntime, String> {
    match text {
        "auto" => Ok(UseOnnxRuntime::Auto),
        "off" => Ok(UseOnnxRuntime::Off),
        _ => path(text).map(UseOnnxRuntime::At),
    }
}

pub(super) fn show_library(library: &UseOnnxRuntime) -> String {
    match library {
        UseOnnxRuntime::Auto => quoted("auto"),
        UseOnnxRuntime::Off => quoted("off"),
        UseOnnxRuntime::At(path) => show_path(path),
    }
}

pub(super) fn show_duration(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        quoted(&format!("{}s", duration.as_secs()))
    } else {
        quoted(&format!("{}ms", duration.as_millis()))
    }
}

pub(super) fn show_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let cases = [("123", 123), ("2k", 2000), ("400M", 400_000_000), ("1.5GiB", 1_610_612_736), ("1Ki", 1024)];
        for (text, bytes) in cases {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "M", "-1M", "1X", "0", "1e30", "NaN", "inf"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        for wrong in ["", "s", "-1s", "1d", "1e30h", "NaN"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
