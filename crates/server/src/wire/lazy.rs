//! JSON of which most is set aside unread: a serde format that finds where a value ends without a look into it.
//!
//! A body is its tensors' data; what stands around it is small. Here the data is passed over at the speed of memory and
//! stays text ([`Raw`]) until it is known what it is to become. The small rest goes to `serde_json`, value by value, and
//! so does a body that is refused here, to be accepted after all or explained.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Error;
use serde_json::value::RawValue;

use super::cursor::Cursor;

/// The text of a value that was set aside: not known to be JSON before it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(&'a str);

/// By this name a `Raw` asks for its text.
const RAW: &str = "loadonce::Raw";

impl<'a> Raw<'a> {
    /// The value's text, without white space around it.
    pub(crate) fn get(self) -> &'a str {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Raw<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON value")
            }

            /// Of this format.
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Raw(text))
            }

            /// Of `serde_json`.
            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                <&RawValue>::deserialize(deserializer).map(|value| Raw(value.get()))
            }
        }

        deserializer.deserialize_newtype_struct(RAW, Text)
    }
}

/// Reads a value, all of the text. The error says little: `serde_json` has the last word on what is refused here.
pub(super) fn from_slice<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Error> {
    let text = str::from_utf8(text).map_err(Error::custom)?;
    let mut lazy = Lazy(Cursor::new(text));
    let value = T::deserialize(&mut lazy)?;
    match lazy.0.peek() {
        None => Ok(value),
        Some(_) => Err(Error::custom("more than one value")),
    }
}

struct Lazy<'a>(Cursor<'a>);

impl<'a> Lazy<'a> {
    /// Passes over a value.
    fn value(&mut self) -> Result<&'a str, Error> {
        self.0.peek();
        let text = self.0.value().ok_or_else(|| Error::custom("a value does not end"))?;
        self.0.advance(text.len());
        Ok(text)
    }

    /// Passes over a byte, if it comes next.
    fn eat(&mut self, expected: u8) -> bool {
        let comes = self.0.peek() == Some(expected);
        self.0.advance(usize::from(comes));
        comes
    }

    /// Has `serde_json` read a value.
    fn parse<T>(&mut self, read: impl FnOnce(&mut Json<'a>) -> Result<T, Error>) -> Result<T, Error> {
        let mut parser = serde_json::Deserializer::from_str(self.value()?);
        let value = read(&mut parser)?;
        parser.end().map(|()| value)
    }
}

type Json<'a> = serde_json::Deserializer<serde_json::de::StrRead<'a>>;

impl<'de> Deserializer<'de> for &mut Lazy<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.parse(|json| json.deserialize_any(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.peek() == Some(b'n') {
            self.parse(|json| json.deserialize_option(visitor))
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match name {
            RAW => visitor.visit_borrowed_str(self.value()?),
            _ => self.parse(|json| json.deserialize_newtype_struct(name, visitor)),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut members = Members::of(self, b'[', b']')?;
        let value = visitor.visit_seq(&mut members)?;
        members.finish().map(|()| value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut members = Members::of(self, b'{', b'}')?;
        let value = visitor.visit_map(&mut members)?;
        members.finish().map(|()| value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct enum identifier ignored_any
    }
}

/// What stands between two brackets.
struct Members<'r, 'a> {
    lazy: &'r mut Lazy<'a>,
    close: u8,
    place: Place,
}

#[derive(PartialEq)]
enum Place {
    First,
    Later,
    End,
}

impl<'r, 'a> Members<'r, 'a> {
    fn of(lazy: &'r mut Lazy<'a>, open: u8, close: u8) -> Result<Self, Error> {
        if lazy.eat(open) { Ok(Self { lazy, close, place: Place::First }) } else { Err(Error::custom("another type")) }
    }

    /// Whether another one comes; if so, it is next.
    fn advance(&mut self) -> Result<bool, Error> {
        let place = std::mem::replace(&mut self.place, Place::Later);
        if self.lazy.eat(self.close) {
            self.place = Place::End;
            return Ok(false);
        }
        if place == Place::First || self.lazy.eat(b',') { Ok(true) } else { Err(Error::custom("no comma")) }
    }

    fn finish(self) -> Result<(), Error> {
        if self.place == Place::End { Ok(()) } else { Err(Error::custom("too many")) }
    }
}

impl<'de> SeqAccess<'de> for &mut Members<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.advance()? { seed.deserialize(&mut *self.lazy).map(Some) } else { Ok(None) }
    }
}

impl<'de> MapAccess<'de> for &mut Members<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.advance()? { self.lazy.parse(|json| seed.deserialize(json)).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        if self.lazy.eat(b':') { seed.deserialize(&mut *self.lazy) } else { Err(Error::custom("no colon")) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        a: Option<&'a RawValue>,
        #[serde(default)]
        b: Vec<Inner>,
        #[serde(default)]
        c: BTreeMap<String, Value>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        d: u8,
    }

    #[derive(Deserialize)]
    struct Aside<'a> {
        #[serde(borrow)]
        data: Option<Raw<'a>>,
    }

    fn aside(text: &str) -> Result<Option<&str>, Error> {
        from_slice::<Aside<'_>>(text.as_bytes()).map(|aside| aside.data.map(Raw::get))
    }

    #[test]
    fn what_is_set_aside_is_not_looked_into() {
        assert_eq!(aside(r#" { "x" : [ 1 ], "data" : [1, 2, "]"] , "y" : null } "#).unwrap(), Some(r#"[1, 2, "]"]"#));
        assert_eq!(aside(r#"{"d\u0061ta":[nonsense]}"#).unwrap(), Some("[nonsense]"));
        assert_eq!(aside(r#"{"data":null}"#).unwrap(), None);
        assert_eq!(serde_json::from_str::<Aside<'_>>(r#"{"data":[1 ]}"#).unwrap().data.map(Raw::get), Some("[1 ]"));
    }

    #[test]
    fn what_stands_around_it_is_json() {
        let refused = [
            r#"{"data":}"#,
            r#"{"data":1,}"#,
            r#"{"data":1 "x":2}"#,
            r#"{,"data":1}"#,
            r#"{"data":1}}"#,
            r#"{"data":1}1"#,
            r#"{"x":[1,],"data":1}"#,
            r#"{"x":nul,"data":1}"#,
            r#"{"x":01,"data":1}"#,
            r"{data:1}",
            r"{0:1}",
            r#"{"data" 1}"#,
            r#"{"data":1"#,
            r#"{"data":1,"data":2}"#,
            r#"{"x":"\x","data":1}"#,
            "",
            "[1]",
            "null",
            "\u{feff}{}",
            "{\u{a0}}",
        ];
        for text in refused {
            assert!(aside(text).is_err(), "{text}");
        }
        assert!(from_slice::<Aside<'_>>(b"{\"x\":\"\xff\"}").is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_what_serde_reads(text in r#"\{("(a|b|c|e)":(1|null|\[(1|\{"d":(1|300)\})?[,\]]|\[\]|\{\}|\{"x": ?\[1\]\}|"\\?"|tru?e)[, \}]){0,3}\}?"#) {
            let ours = from_slice::<Body<'_>>(text.as_bytes());
            let theirs = serde_json::from_str::<Body<'_>>(&text);
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                prop_assert_eq!(ours.a.map(RawValue::get), theirs.a.map(RawValue::get));
                prop_assert_eq!((ours.b, ours.c), (theirs.b, theirs.c));
            }
        }
    }
}
