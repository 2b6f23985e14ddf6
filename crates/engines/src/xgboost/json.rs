//! JSON (RFC 8259) as XGBoost writes it, that is with `NaN`, `Infinity` and `-Infinity` among the numbers.

use super::value::{Items, MAX_DEPTH, ReadError, Value};

/// The value of a whole file.
pub(super) fn read(text: &[u8]) -> Result<Value, ReadError> {
    let mut reader = Reader { text, position: 0 };
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.position < text.len() {
        return Err(reader.error("more text after the end"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a [u8],
    position: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, ReadError> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("more than {MAX_DEPTH} values within each other")));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.error("expected a value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, ReadError> {
        let mut entries = Vec::new();
        self.position += 1;
        if self.takes(b'}') {
            return Ok(Value::Object(entries));
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            self.expect(b':')?;
            entries.push((key, self.value(depth + 1)?));
            if self.takes(b'}') {
                return Ok(Value::Object(entries));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, ReadError> {
        let mut items = Items::new();
        self.position += 1;
        if self.takes(b']') {
            return Ok(items.into());
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.takes(b']') {
                return Ok(items.into());
            }
            self.expect(b',')?;
        }
    }

    /// XGBoost's floats are in single precision, and rounded once they are what it wrote.
    fn number(&mut self) -> Result<f64, ReadError> {
        let start = self.position;
        for (word, number) in [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)] {
            if self.text[start..].starts_with(word.as_bytes()) {
                self.position += word.len();
                return Ok(number);
            }
        }
        let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let length = self.text[start..].iter().take_while(|byte| is_part(byte)).count();
        let text = str::from_utf8(&self.text[start..start + length]).unwrap_or_default();
        let number =
            if text.contains(['.', 'e', 'E']) { text.parse::<f32>().map(f64::from).ok() } else { text.parse().ok() };
        let number = number.ok_or_else(|| self.error("not a number"))?;
        self.position += length;
        Ok(number)
    }

    fn string(&mut self) -> Result<String, ReadError> {
        self.expect(b'"')?;
        let mut bytes = Vec::new();
        loop {
            let rest = &self.text[self.position..];
            let plain = rest.iter().take_while(|&&byte| byte != b'"' && byte != b'\\' && byte >= b' ').count();
            bytes.extend_from_slice(&rest[..plain]);
            self.position += plain;
            match self.peek() {
                Some(b'"') => break self.position += 1,
                Some(b'\\') => self.escape(&mut bytes)?,
                _ => return Err(self.error("a text without an end")),
            }
        }
        String::from_utf8(bytes).map_err(|_| self.error("a text that is not UTF-8"))
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        let escaped = match self.text.get(self.position + 1) {
            Some(b'u') => return self.unicode_escape(bytes),
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(&byte @ (b'"' | b'\\' | b'/')) => byte,
            _ => return Err(self.error("an unknown escape")),
        };
        bytes.push(escaped);
        self.position += 2;
        Ok(())
    }

    /// `\uXXXX`, or two of them for what is beyond 16 bits.
    fn unicode_escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        let first = self.code_unit()?;
        let character = if (0xD800..0xDC00).contains(&first) {
            let second = self.code_unit()?;
            char::decode_utf16([first, second]).next().and_then(Result::ok)
        } else {
            char::from_u32(u32::from(first))
        };
        let character = character.ok_or_else(|| self.error("an escape that is no character"))?;
        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn code_unit(&mut self) -> Result<u16, ReadError> {
        let escape = self.text.get(self.position..self.position + 6).and_then(|escape| str::from_utf8(escape).ok());
        let digits = escape.and_then(|escape| escape.strip_prefix("\\u")).filter(|digits| !digits.starts_with('+'));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.position += 6;
        unit.ok_or_else(|| self.error("not four hexadecimal digits"))
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, ReadError> {
        if !self.text[self.position..].starts_with(word.as_bytes()) {
            return Err(self.error("expected a value"));
        }
        self.position += word.len();
        Ok(value)
    }

    fn expect(&mut self, byte: u8) -> Result<(), ReadError> {
        if self.takes(byte) { Ok(()) } else { Err(self.error(format!("expected '{}'", byte as char))) }
    }

    fn takes(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_there = self.peek() == Some(byte);
        self.position += usize::from(is_there);
        is_there
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.position += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    fn error(&self, detail: impl Into<String>) -> ReadError {
        let is_cut = self.position >= self.text.len();
        ReadError::new(self.position, if is_cut { "the file ends too early".to_owned() } else { detail.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match read(text.as_bytes()) {
            Ok(value) => format!("{value:?}"),
            Err(error) => format!("{}: {}", error.position, error.detail),
        }
    }

    #[test]
    fn values_are_read() {
        let cases = [
            (" { } ", "Object([])"),
            ("[]", "Numbers([])"),
            ("[1, -2.5E-1,true]", "Numbers([1.0, -0.25, 1.0])"),
            ("[NaN,-Infinity,Infinity]", "Numbers([NaN, -inf, inf])"),
            ("[1,\"a\",null]", r#"List([Number(1.0), Text("a"), Null])"#),
            (r#"{"a":{"b":false}}"#, r#"Object([("a", Object([("b", Bool(false))]))])"#),
            (r#""\u00e9\ud83d\ude00\n\"""#, r#"Text("é😀\n\"")"#),
            ("\"é\"", "Text(\"é\")"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(read(b"0.1"), Ok(Value::Number(f64::from(0.1_f32))));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = "[".repeat(40);
        let cases = [
            ("", "0: the file ends too early"),
            ("[1,", "3: the file ends too early"),
            ("{\"a\"", "4: the file ends too early"),
            ("\"abc", "4: the file ends too early"),
            ("\"\\u12", "7: the file ends too early"),
            ("{1:2}", "1: expected '\"'"),
            ("[1 2]", "3: expected ','"),
            ("[1-]", "1: not a number"),
            ("nul", "0: expected a value"),
            ("\"\\x\"", "1: an unknown escape"),
            ("\"\\udc00\"", "7: an escape that is no character"),
            ("1 2", "2: more text after the end"),
            (&deep, "33: more than 32 values within each other"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
