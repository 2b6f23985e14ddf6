//! A place in JSON text, and where the value that begins there ends.

use memchr::{memchr2, memchr3};

/// A text and how far it has been read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is not white space; the cursor goes there.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// What has not been read.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Goes on behind the next `length` bytes, which the caller has seen to be whole characters.
    #[inline]
    pub(super) fn advance(&mut self, length: usize) {
        self.at += length;
    }

    /// The text of the value that begins here, by [`value_length`].
    pub(super) fn value(&self) -> Option<&'a str> {
        self.text.get(self.at..self.at + value_length(self.rest())?)
    }
}

/// Length of the value at the start of the text, found without a look into it: an array ends at its bracket, whatever is
/// before that. Where the text is no JSON the length is any, or there is none.
pub(super) fn value_length(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => string_length(text),
        b'[' => container_length(text, b'[', b']'),
        b'{' => container_length(text, b'{', b'}'),
        _ => {
            let end = text.iter().position(|byte| b",:]} \n\t\r".contains(byte)).unwrap_or(text.len());
            (end > 0).then_some(end)
        }
    }
}

/// Length of the string at the start of the text, quotes included, if it ends.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        match text[at] {
            b'"' => return Some(at + 1),
            // An escape begins with two bytes, of which the second may be a quote.
            _ => at += 2,
        }
    }
}

/// Length of the array or object at the start of the text. Brackets of one kind tell it: in JSON, those of the other kind
/// come in pairs between them.
fn container_length(text: &[u8], open: u8, close: u8) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        at += memchr3(open, close, b'"', &text[at..])?;
        if text[at] == b'"' {
            at += string_length(&text[at..])?;
            continue;
        }
        at += 1;
        if text[at - 1] == open {
            depth += 1;
        } else if depth == 1 {
            return Some(at);
        } else {
            depth -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<&str> {
        Cursor::new(text).value()
    }

    #[test]
    fn values_end_where_they_end() {
        let cases = [
            ("1.5,2", "1.5"),
            ("null}", "null"),
            ("true", "true"),
            (r#""a]\"b\\",1"#, r#""a]\"b\\""#),
            (r#"[1,["]",{"a":[]}],2] ,3"#, r#"[1,["]",{"a":[]}],2]"#),
            (r#"{"a":{"}":[1]}},2"#, r#"{"a":{"}":[1]}}"#),
            ("é", "é"),
        ];
        for (text, expected) in cases {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        for endless in ["", ",", "]", "\"", "\"\\\"", "[", "[[]", "[\"]", "{\"a\":{}"] {
            assert_eq!(value(endless), None, "{endless}");
        }
    }
}
