//! Two JSON texts compared token by token. Both are known to be JSON; here they are only cut into tokens.

use super::Tolerance;

/// The tokens of a JSON text (RFC 8259, section 2), without the white space between them.
struct Tokens<'a>(&'a [u8]);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_ascii_start();
        let length = match text.first()? {
            b'"' => string_length(text),
            b'{' | b'}' | b'[' | b']' | b':' | b',' => 1,
            _ => text.iter().position(|byte| b" \t\n\r{}[]:,\"".contains(byte)).unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

/// Bytes of a string with its quotes; all of the text where it does not end.
fn string_length(text: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |position| position + 2)
}

/// The first tokens that differ, for people: with the member's name, where it is a member's value. Numbers may lie as
/// far apart as the tolerance allows, whole ones must be equal; strings may be escaped differently.
pub(super) fn difference(expected: &[u8], got: &[u8], tolerance: &Tolerance) -> Option<(String, String)> {
    let (mut expected, mut got) = (Tokens(expected), Tokens(got));
    let mut before: [&[u8]; 2] = [b"", b""];
    loop {
        match (expected.next(), got.next()) {
            (None, None) => return None,
            (Some(one), Some(other)) if is_same(one, other, tolerance) => before = [before[1], one],
            (one, other) => return Some((shown(before, one), shown(before, other))),
        }
    }
}

fn is_same(expected: &[u8], got: &[u8], tolerance: &Tolerance) -> bool {
    if expected == got {
        return true;
    }
    if let ([b'"', ..], [b'"', ..]) = (expected, got) {
        return characters(expected).is_some_and(|expected| characters(got).is_some_and(|got| expected == got));
    }
    if is_whole(expected) && is_whole(got) {
        return false;
    }
    number(expected).zip(number(got)).is_some_and(|(expected, got)| tolerance.accepts(expected, got))
}

fn number(token: &[u8]) -> Option<f64> {
    let is_number = matches!(token, [b'-' | b'0'..=b'9', ..]);
    is_number.then(|| str::from_utf8(token).ok()?.parse().ok()).flatten()
}

fn is_whole(token: &[u8]) -> bool {
    token.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
}

/// What a string says, in the units of UTF-16, as escapes have them (RFC 8259, section 7).
fn characters(token: &[u8]) -> Option<Vec<u16>> {
    let mut units = Vec::with_capacity(token.len());
    let mut rest = str::from_utf8(token).ok()?.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
            continue;
        }
        units.push(match rest.next()? {
            'u' => {
                let (digits, behind) = rest.as_str().split_at_checked(4)?;
                rest = behind.chars();
                u16::from_str_radix(digits, 16).ok()?
            }
            'b' => 8,
            't' => 9,
            'n' => 10,
            'f' => 12,
            'r' => 13,
            other => u16::try_from(u32::from(other)).ok()?,
        });
    }
    Some(units)
}

fn shown(before: [&[u8]; 2], token: Option<&[u8]>) -> String {
    let text = |token: &[u8]| String::from_utf8_lossy(token).into_owned();
    let Some(token) = token else { return "its end".to_owned() };
    match before {
        [name, b":"] => format!("{}: {}", text(name), text(token)),
        _ => text(token),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compared(expected: &str, got: &str) -> Option<(String, String)> {
        difference(expected.as_bytes(), got.as_bytes(), &Tolerance::default())
    }

    #[test]
    fn white_space_small_distances_and_escapes_make_no_difference() {
        let equal = [
            (r#"{"a":[1,true,null],"b":"x"}"#, "{ \"a\" : [ 1 ,\ttrue,\r\nnull ], \"b\": \"x\" } "),
            (r#"[0.5, 1e3, "NaN"]"#, r#"[0.50000001,1000.0,"NaN"]"#),
            (r#""é\u00e9😀\n\"""#, r#""\u00e9é\ud83d\ude00\u000a\u0022""#),
            (r#""a \\" "#, r#""a \\""#),
            ("7", "7.0"),
        ];
        for (expected, got) in equal {
            assert_eq!(compared(expected, got), None, "{expected} {got}");
        }
    }

    #[test]
    fn the_first_difference_is_told_with_the_members_name() {
        let cases = [
            (r#"{"p":0.5,"q":1}"#, r#"{"p": 0.6,"q":2}"#, r#""p": 0.5"#, r#""p": 0.6"#),
            ("200000", "200001", "200000", "200001"),
            (r#"["a b"]"#, r#"["ab"]"#, r#""a b""#, r#""ab""#),
            (r#"{"a":1}"#, r#"{"b":1}"#, r#""a""#, r#""b""#),
            ("[1]", "[1,2]", "]", ","),
            ("[1]", "[1", "]", "its end"),
            (r#""1""#, "1", r#""1""#, "1"),
            ("true", "false", "true", "false"),
            ("null", "0", "null", "0"),
            (r#""\ud83d""#, r#""\ude00""#, r#""\ud83d""#, r#""\ude00""#),
        ];
        for (expected, got, here, there) in cases {
            assert_eq!(compared(expected, got), Some((here.to_owned(), there.to_owned())), "{expected} {got}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_like_itself_and_none_panics(text in r#"[a-z0-9{}\[\]",:.\\ -]{0,30}"#, other in r#"[a-z0-9"\\u]{0,20}"#) {
            prop_assert_eq!(compared(&text, &text), None);
            let _ = compared(&text, &other);
        }
    }
}
