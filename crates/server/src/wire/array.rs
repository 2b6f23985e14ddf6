//! Nested or flat JSON arrays straight into typed buffers, with the position of a mistake.
//!
//! The nesting spells the shape. Only what is JSON is accepted, and all of a piece is read; what is refused may be no JSON
//! at all, which is for the caller to find out ([`WireError::or_syntax`](super::WireError::or_syntax)).

use bytes::Bytes;
use half::{bf16, f16};
use loadonce_core::tensor::MAX_RANK;
use loadonce_core::{DType, Shape, Tensor, TensorError};
use memchr::memchr_iter;
use smallvec::SmallVec;

use super::cursor::Cursor;
use super::element::Scalar;

/// A mistake in one of the pieces that make up a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArrayError {
    /// Which piece.
    pub(crate) piece: usize,
    /// Where in the piece, as `[0][3]`; empty for the piece itself.
    pub(crate) position: String,
    /// What was expected and what came.
    pub(crate) detail: String,
}

/// Reads pieces of JSON as one tensor: its first axes are `outer`, whose product is the number of pieces; the others are
/// spelled by the nesting, which must be the same in each piece.
pub(crate) fn parse_pieces(dtype: DType, outer: &[usize], pieces: &[&str]) -> Result<Tensor, ArrayError> {
    match dtype {
        DType::Bool => numbers::<bool>(outer, pieces),
        DType::Uint8 => numbers::<u8>(outer, pieces),
        DType::Uint16 => numbers::<u16>(outer, pieces),
        DType::Uint32 => numbers::<u32>(outer, pieces),
        DType::Uint64 => numbers::<u64>(outer, pieces),
        DType::Int8 => numbers::<i8>(outer, pieces),
        DType::Int16 => numbers::<i16>(outer, pieces),
        DType::Int32 => numbers::<i32>(outer, pieces),
        DType::Int64 => numbers::<i64>(outer, pieces),
        DType::Fp16 => numbers::<f16>(outer, pieces),
        DType::Bf16 => numbers::<bf16>(outer, pieces),
        DType::Fp32 => numbers::<f32>(outer, pieces),
        DType::Fp64 => numbers::<f64>(outer, pieces),
        DType::Bytes => {
            read::<Bytes>(outer, pieces).and_then(|(strings, shape)| finish(Tensor::from_strings(shape, strings)))
        }
    }
}

fn numbers<T: Scalar + loadonce_core::Element>(outer: &[usize], pieces: &[&str]) -> Result<Tensor, ArrayError> {
    let (elements, shape) = read::<T>(outer, pieces)?;
    finish(Tensor::from_vec(shape, elements))
}

fn finish(tensor: Result<Tensor, TensorError>) -> Result<Tensor, ArrayError> {
    tensor.map_err(|error| ArrayError { piece: 0, position: String::new(), detail: error.to_string() })
}

fn read<T: Scalar>(outer: &[usize], pieces: &[&str]) -> Result<(Vec<T>, Shape), ArrayError> {
    let mut reader = Reader::with_capacity(pieces.iter().map(|piece| room::<T>(piece)).sum());
    for (piece, text) in pieces.iter().enumerate() {
        reader.piece(text).map_err(|detail| ArrayError { piece, position: reader.position(), detail })?;
    }
    let shape = Shape::new(outer.iter().chain(&reader.lengths).copied());
    Ok((reader.elements, shape))
}

/// Room for as many elements as there are commas, but no more than four times the text: strings may be full of commas.
fn room<T>(text: &str) -> usize {
    let commas = memchr_iter(b',', text.as_bytes()).count();
    commas.min(4 * text.len() / size_of::<T>()) + 1
}

struct Reader<'a, T> {
    cursor: Cursor<'a>,
    elements: Vec<T>,
    /// Length of the arrays at each level of nesting, outermost first, as far as one was closed.
    lengths: SmallVec<[usize; 4]>,
    /// Level at which scalars stand, once one was seen.
    scalars_at: Option<usize>,
    /// Position of the value being read, one entry a level.
    path: SmallVec<[usize; 4]>,
}

impl<'a, T: Scalar> Reader<'a, T> {
    fn with_capacity(elements: usize) -> Self {
        let elements = Vec::with_capacity(elements);
        let (lengths, path) = (SmallVec::new(), SmallVec::new());
        Self { cursor: Cursor::new(""), elements, lengths, scalars_at: None, path }
    }

    fn piece(&mut self, text: &'a str) -> Result<(), String> {
        self.cursor = Cursor::new(text);
        self.path.clear();
        self.value(0)?;
        match self.cursor.peek() {
            None => Ok(()),
            Some(_) => {
                Err(format!("expected one value, got {} after it", quote(self.cursor.value().unwrap_or_default())))
            }
        }
    }

    fn value(&mut self, level: usize) -> Result<(), String> {
        if self.cursor.peek() == Some(b'[') {
            return self.array(level);
        }
        self.expect_scalars(level)?;
        self.scalar()
    }

    fn array(&mut self, level: usize) -> Result<(), String> {
        if level == MAX_RANK {
            return Err(format!("arrays are nested more than {MAX_RANK} levels deep"));
        }
        if self.scalars_at.is_some_and(|scalars| scalars <= level) {
            return Err(self.refusal());
        }
        self.cursor.advance(1);
        self.path.push(0);
        let count = match self.cursor.peek() {
            Some(b']') => {
                self.cursor.advance(1);
                0
            }
            Some(b'[') => self.arrays(level)?,
            _ => self.scalars(level)?,
        };
        self.path.pop();
        self.close(level, count)
    }

    /// Values of an array whose first one is an array, and its end.
    fn arrays(&mut self, level: usize) -> Result<usize, String> {
        loop {
            self.value(level + 1)?;
            self.path[level] += 1;
            if self.ends()? {
                return Ok(self.path[level]);
            }
        }
    }

    /// Values of an array whose first one is a scalar, and its end: where nearly all of a body is.
    fn scalars(&mut self, level: usize) -> Result<usize, String> {
        self.expect_scalars(level + 1)?;
        let start = self.elements.len();
        let outcome = loop {
            match self.scalar().and_then(|()| self.ends()) {
                Ok(false) => (),
                Ok(true) => break Ok(()),
                Err(detail) => break Err(detail),
            }
        };
        let count = self.elements.len() - start;
        self.path[level] = count;
        outcome.map(|()| count)
    }

    /// Whether the array ends here or goes on behind a comma.
    #[inline]
    fn ends(&mut self) -> Result<bool, String> {
        match self.cursor.peek() {
            Some(b',') => {
                self.cursor.advance(1);
                self.cursor.peek();
                Ok(false)
            }
            Some(b']') => {
                self.cursor.advance(1);
                Ok(true)
            }
            _ => Err("the array does not end".to_owned()),
        }
    }

    /// Arrays of one level are equally long. Inner arrays close first, so levels become known from the inside out.
    fn close(&mut self, level: usize, count: usize) -> Result<(), String> {
        const OPEN: usize = usize::MAX;
        if self.lengths.len() <= level {
            self.lengths.resize(level + 1, OPEN);
        }
        let length = &mut self.lengths[level];
        if *length == OPEN {
            *length = count;
        }
        if *length == count {
            return Ok(());
        }
        Err(format!("expected {length} elements as in the array before, got {count}: the nesting is ragged"))
    }

    /// Scalars stand at one level only, below which there are no arrays.
    fn expect_scalars(&mut self, level: usize) -> Result<(), String> {
        if *self.scalars_at.get_or_insert(level) == level && self.lengths.len() <= level {
            return Ok(());
        }
        Err(format!("expected an array, got {}: the nesting is ragged", quote(self.cursor.value().unwrap_or_default())))
    }

    #[expect(clippy::inline_always, reason = "a call for each number takes a tenth of the time of a body")]
    #[inline(always)]
    fn scalar(&mut self) -> Result<(), String> {
        let Some((element, length)) = T::read(self.cursor.rest()) else { return Err(self.refusal()) };
        self.elements.push(element);
        self.cursor.advance(length);
        Ok(())
    }

    #[cold]
    fn refusal(&self) -> String {
        let token = self.cursor.value().unwrap_or_default();
        if token.starts_with('[') {
            return format!("expected {}, got an array: the nesting is ragged", T::DTYPE);
        }
        let hint = match token {
            "null" if T::DTYPE.is_float() => "; a missing value is written \"NaN\"",
            _ if T::DTYPE == DType::Bytes && token.starts_with('{') => {
                "; bytes are written {\"b64\": \"...\"} in base64"
            }
            "0" | "1" if T::DTYPE == DType::Bool => "; a truth value is written true or false",
            _ => "",
        };
        format!("expected {}, got {}{hint}", T::DTYPE, quote(token))
    }

    fn position(&self) -> String {
        self.path.iter().fold(String::new(), |path, index| path + &format!("[{index}]"))
    }
}

/// A value as errors show it, cut to a bearable length.
pub(crate) fn quote(token: &str) -> String {
    const MAX_QUOTE: usize = 40;
    match token.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => format!("{}...", &token[..end]),
        None => token.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Tensor, String> {
        parse_pieces(DType::Int32, &[], &[text]).map_err(|error| format!("{}: {}", error.position, error.detail))
    }

    #[test]
    fn the_nesting_spells_the_shape() {
        let tensor = parse(" [ [1, 2,3] ,\n[4,5,6] ] ").unwrap();
        assert_eq!(tensor, Tensor::from_vec(Shape::new([2, 3]), vec![1, 2, 3, 4, 5, 6]).unwrap());
        assert_eq!(parse("[]").unwrap().shape(), &Shape::new([0]));
        assert_eq!(parse("[[],[]]").unwrap().shape(), &Shape::new([2, 0]));
        assert_eq!(parse("7").unwrap().shape(), &Shape::scalar());
    }

    #[test]
    fn mistakes_are_named_with_their_position() {
        let cases = [
            ("[1,1099511627776]", "[1]: expected INT32, got 1099511627776"),
            ("[[1,2],[3,1.5]]", "[1][1]: expected INT32, got 1.5"),
            ("[[1,2],[3]]", "[1]: expected 2 elements as in the array before, got 1: the nesting is ragged"),
            ("[[1,2],3]", "[1]: expected an array, got 3: the nesting is ragged"),
            ("[1,[2]]", "[1]: expected INT32, got an array: the nesting is ragged"),
            ("[[],1]", "[1]: expected an array, got 1: the nesting is ragged"),
            ("[1,\"two\"]", "[1]: expected INT32, got \"two\""),
            ("[null]", "[0]: expected INT32, got null"),
            ("[{\"a\":1}]", "[0]: expected INT32, got {\"a\":1}"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap_err(), expected, "{text}");
        }
        let deep = "[".repeat(MAX_RANK + 1) + "1" + &"]".repeat(MAX_RANK + 1);
        assert!(parse(&deep).unwrap_err().ends_with("arrays are nested more than 32 levels deep"));
    }

    #[test]
    fn pieces_make_one_tensor() {
        let tensor = parse_pieces(DType::Fp32, &[2], &["[1,2]", "[3,4]"]).unwrap();
        assert_eq!(tensor, Tensor::from_vec(Shape::new([2, 2]), vec![1.0_f32, 2.0, 3.0, 4.0]).unwrap());
        let error = parse_pieces(DType::Fp32, &[2], &["[1,2]", "[3,null]"]).unwrap_err();
        assert_eq!((error.piece, error.position.as_str()), (1, "[1]"));
        assert_eq!(error.detail, "expected FP32, got null; a missing value is written \"NaN\"");
    }

    #[test]
    fn strings_keep_their_text() {
        let tensor = parse_pieces(DType::Bytes, &[], &[r#"["a, b]", "\"q\" \u00e9", ""]"#]).unwrap();
        let strings: Vec<_> = tensor.as_strings().unwrap().iter().map(|text| str::from_utf8(text).unwrap()).collect();
        assert_eq!(strings, ["a, b]", "\"q\" é", ""]);
    }

    #[test]
    fn bytes_come_in_base64() {
        let tensor = parse_pieces(DType::Bytes, &[], &[r#"[{"b64": "/w=="}, "}", { "b64":"YQ" }]"#]).unwrap();
        assert_eq!(tensor.as_strings().unwrap(), [&b"\xff"[..], b"}", b"a"]);
        let error = parse_pieces(DType::Bytes, &[], &[r#"["a", {"a": {"b": "}"}}]"#]).unwrap_err();
        assert_eq!(error.position, "[1]");
        let expected = r#"expected BYTES, got {"a": {"b": "}"}}; bytes are written {"b64": "..."} in base64"#;
        assert_eq!(error.detail, expected);
    }

    proptest! {
        #[test]
        fn what_serde_writes_is_read_back(rows in proptest::collection::vec(proptest::array::uniform3(any::<i64>()), 1..8)) {
            let text = serde_json::to_string(&rows).unwrap();
            let tensor = parse_pieces(DType::Int64, &[], &[&text]).unwrap();
            prop_assert_eq!(tensor.as_slice::<i64>().unwrap(), rows.concat());
            prop_assert_eq!(tensor.shape(), &Shape::new([rows.len(), 3]));
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{},:\"\\\\ 0-9a-z.eE+-]{0,60}") {
            for dtype in DType::ALL {
                let _ = parse_pieces(dtype, &[], &[&text]);
            }
        }
    }
}
