//! UBJSON ([draft 12](https://ubjson.org/)) as XGBoost writes it: big-endian, with typed arrays `[$d#L...`.
//!
//! A container that announces its length must have a byte at least for each of its entries, so that a file cannot ask
//! for more memory than it brings.

use super::value::{Items, MAX_DEPTH, ReadError, Value};

/// The value of a whole file.
pub(super) fn read(bytes: &[u8]) -> Result<Value, ReadError> {
    let mut reader = Reader { bytes, position: 0 };
    let value = reader.value(0)?;
    if reader.position < bytes.len() {
        return Err(reader.error("more bytes after the end"));
    }
    Ok(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, ReadError> {
        let marker = self.marker()?;
        self.value_of(marker, depth)
    }

    fn value_of(&mut self, marker: u8, depth: usize) -> Result<Value, ReadError> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("more than {MAX_DEPTH} values within each other")));
        }
        match marker {
            b'Z' => Ok(Value::Null),
            b'T' => Ok(Value::Bool(true)),
            b'F' => Ok(Value::Bool(false)),
            b'S' => self.string().map(Value::Text),
            b'[' => self.array(depth),
            b'{' => self.object(depth),
            _ => self.number(marker).map(Value::Number),
        }
    }

    /// `{` then keys, which are texts without their marker, with values, then `}`.
    fn object(&mut self, depth: usize) -> Result<Value, ReadError> {
        let mut entries = Vec::new();
        while self.peek() != Some(b'}') {
            let key = self.string()?;
            entries.push((key, self.value(depth + 1)?));
        }
        self.position += 1;
        Ok(Value::Object(entries))
    }

    fn array(&mut self, depth: usize) -> Result<Value, ReadError> {
        match self.peek() {
            Some(b'$') => self.typed_array(depth),
            Some(b'#') => {
                let count = self.count()?;
                self.items(count, depth)
            }
            _ => self.open_array(depth),
        }
    }

    /// `[$d#` with a type, a length, and so many values without markers.
    fn typed_array(&mut self, depth: usize) -> Result<Value, ReadError> {
        self.position += 1;
        let marker = self.marker()?;
        if b"ZTFN".contains(&marker) {
            return Err(self.error("an array of values without a size"));
        }
        let count = self.count()?;
        let mut items = Items::new();
        for _ in 0..count {
            items.push(self.value_of(marker, depth + 1)?);
        }
        Ok(items.into())
    }

    fn items(&mut self, count: usize, depth: usize) -> Result<Value, ReadError> {
        let mut items = Items::new();
        for _ in 0..count {
            items.push(self.value(depth + 1)?);
        }
        Ok(items.into())
    }

    fn open_array(&mut self, depth: usize) -> Result<Value, ReadError> {
        let mut items = Items::new();
        while self.peek() != Some(b']') {
            items.push(self.value(depth + 1)?);
        }
        self.position += 1;
        Ok(items.into())
    }

    /// `#` and a length.
    fn count(&mut self) -> Result<usize, ReadError> {
        if self.marker()? != b'#' {
            return Err(self.error("expected '#' and a length"));
        }
        self.length()
    }

    /// A text without its marker: a length, and so many bytes.
    fn string(&mut self) -> Result<String, ReadError> {
        let length = self.length()?;
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| self.error("a text that is not UTF-8"))
    }

    /// A length of what is still to come.
    fn length(&mut self) -> Result<usize, ReadError> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        let rest = self.bytes.len() - self.position;
        let length = usize::try_from(length).ok().filter(|&length| length <= rest);
        length.ok_or_else(|| self.error(format!("a length that is more than the {rest} bytes left")))
    }

    #[expect(clippy::cast_precision_loss, reason = "integers of a model are below 2^53")]
    fn number(&mut self, marker: u8) -> Result<f64, ReadError> {
        match marker {
            b'd' => self.take_array().map(|bytes| f64::from(f32::from_be_bytes(bytes))),
            b'D' => self.take_array().map(f64::from_be_bytes),
            _ => self.integer(marker).map(|integer| integer as f64),
        }
    }

    fn integer(&mut self, marker: u8) -> Result<i64, ReadError> {
        match marker {
            b'i' => self.take_array().map(|bytes| i8::from_be_bytes(bytes).into()),
            b'U' => self.take_array().map(|bytes| u8::from_be_bytes(bytes).into()),
            b'I' => self.take_array().map(|bytes| i16::from_be_bytes(bytes).into()),
            b'l' => self.take_array().map(|bytes| i32::from_be_bytes(bytes).into()),
            b'L' => self.take_array().map(i64::from_be_bytes),
            other => Err(self.error(format!("an unexpected type '{}'", other.escape_ascii()))),
        }
    }

    fn marker(&mut self) -> Result<u8, ReadError> {
        self.take_array().map(|[marker]| marker)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn take_array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], ReadError> {
        let bytes = self.take(LENGTH)?;
        bytes.try_into().map_err(|_| self.error("the file ends too early"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ReadError> {
        let bytes = self.bytes.get(self.position..).and_then(|rest| rest.get(..length));
        let bytes = bytes.ok_or_else(|| self.error("the file ends too early"))?;
        self.position += length;
        Ok(bytes)
    }

    fn error(&self, detail: impl Into<String>) -> ReadError {
        ReadError::new(self.position, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        match read(bytes) {
            Ok(value) => format!("{value:?}"),
            Err(error) => format!("{}: {}", error.position, error.detail),
        }
    }

    #[test]
    fn values_are_read() {
        let cases: [(&[u8], &str); 8] = [
            (b"{}", "Object([])"),
            (b"{U\x01aT}", r#"Object([("a", Bool(true))])"#),
            (b"{L\0\0\0\0\0\0\0\x01aSU\x02hi}", r#"Object([("a", Text("hi"))])"#),
            (b"[$d#L\0\0\0\0\0\0\0\x02\x3f\x80\0\0\xff\x80\0\0", "Numbers([1.0, -inf])"),
            (b"[$l#U\x02\xff\xff\xff\xff\0\0\x01\0", "Numbers([-1.0, 256.0])"),
            (b"[#U\x02i\xffI\x01\0", "Numbers([-1.0, 256.0])"),
            (b"[ZF]", "List([Null, Bool(false)])"),
            (b"[$[#U\x01]", "List([Numbers([])])"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(shown(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_ubjson_is_refused() {
        let deep = [b'['; 40];
        let cases: [(&[u8], &str); 9] = [
            (b"", "0: the file ends too early"),
            (b"{U\x01a", "4: the file ends too early"),
            (b"[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff", "3: an array of values without a size"),
            (b"[$U#L\x7f\xff\xff\xff\xff\xff\xff\xff", "13: a length that is more than the 0 bytes left"),
            (b"[$d#U\x02\0\0\0\0", "10: the file ends too early"),
            (b"[#i\xff", "4: a length that is more than the 0 bytes left"),
            (b"SU\x01\xff", "4: a text that is not UTF-8"),
            (b"{}{", "2: more bytes after the end"),
            (&deep, "34: more than 32 values within each other"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(shown(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
