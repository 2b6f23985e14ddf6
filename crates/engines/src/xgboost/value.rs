//! What JSON and UBJSON say: values, and the way to one of them, so that an error can name it.

use std::str::FromStr;

use loadonce_core::{LoadError, LoadErrorKind};

/// Values within values: more than any model has, and a bound on how deep reading goes.
pub(super) const MAX_DEPTH: usize = 32;

/// A value. Numbers are in double precision, which holds every integer of a model and every float in single precision.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// An array of nothing but numbers and truth values, which are 0 and 1; also an empty array.
    Numbers(Vec<f64>),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// Where and why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadError {
    pub(super) position: usize,
    pub(super) detail: String,
}

/// An array under construction.
#[derive(Debug)]
pub(super) enum Items {
    Numbers(Vec<f64>),
    Values(Vec<Value>),
}

/// A value of a file, and how it is called there.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    value: &'a Value,
    path: String,
}

impl Value {
    fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Bool(truth) => Some(f64::from(u8::from(*truth))),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Numbers(_) | Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl ReadError {
    pub(super) fn new(position: usize, detail: impl Into<String>) -> Self {
        Self { position, detail: detail.into() }
    }

    pub(super) fn caused(self, what: &str) -> LoadError {
        let detail = format!("not {what}: byte {}: {}", self.position, self.detail);
        LoadError::new(LoadErrorKind::Corrupt, detail).advise("fetch or save the file again")
    }
}

impl Items {
    pub(super) fn new() -> Self {
        Self::Numbers(Vec::new())
    }

    pub(super) fn push(&mut self, value: Value) {
        match (&mut *self, value.as_number()) {
            (Self::Numbers(numbers), Some(number)) => numbers.push(number),
            (Self::Numbers(numbers), None) => {
                let mut values: Vec<_> = numbers.iter().map(|&number| Value::Number(number)).collect();
                values.push(value);
                *self = Self::Values(values);
            }
            (Self::Values(values), _) => values.push(value),
        }
    }
}

impl From<Items> for Value {
    fn from(items: Items) -> Self {
        match items {
            Items::Numbers(numbers) => Self::Numbers(numbers),
            Items::Values(values) => Self::List(values),
        }
    }
}

impl<'a> Place<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn get(&self, key: &str) -> Result<Self, LoadError> {
        let found = self.find(key)?;
        found.ok_or_else(|| corrupt(format!("'{}' is missing", self.path_of(key))))
    }

    pub(super) fn find(&self, key: &str) -> Result<Option<Self>, LoadError> {
        let Value::Object(entries) = self.value else { return Err(self.unexpected("an object")) };
        let found = entries.iter().find(|(name, _)| name == key);
        Ok(found.map(|(_, value)| Self { value, path: self.path_of(key) }))
    }

    pub(super) fn text(&self) -> Result<&'a str, LoadError> {
        match self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.unexpected("a text")),
        }
    }

    /// A number, which XGBoost's parameters write as a text.
    pub(super) fn parse<T: FromStr>(&self) -> Result<T, LoadError> {
        let text = match self.value {
            Value::Number(number) => number.to_string(),
            _ => self.text()?.to_owned(),
        };
        text.parse().map_err(|_| corrupt(format!("'{}' is '{text}', expected a number", self.path)))
    }

    pub(super) fn numbers(&self) -> Result<&'a [f64], LoadError> {
        match self.value {
            Value::Numbers(numbers) => Ok(numbers),
            _ => Err(self.unexpected("an array of numbers")),
        }
    }

    /// Numbers in single precision, as XGBoost has them.
    #[expect(clippy::cast_possible_truncation, reason = "they were written in single precision, or are small integers")]
    pub(super) fn singles(&self) -> Result<Vec<f32>, LoadError> {
        Ok(self.numbers()?.iter().map(|&number| number as f32).collect())
    }

    /// Integers that fit.
    pub(super) fn integers<T: TryFrom<i64>>(&self) -> Result<Vec<T>, LoadError> {
        self.numbers()?.iter().map(|&number| self.integer(number)).collect()
    }

    pub(super) fn list(&self) -> Result<impl ExactSizeIterator<Item = Self>, LoadError> {
        let values: &[Value] = match self.value {
            Value::List(values) => values,
            Value::Numbers(numbers) if numbers.is_empty() => &[],
            _ => return Err(self.unexpected("an array")),
        };
        let path = self.path.clone();
        Ok(values.iter().enumerate().map(move |(index, value)| Self { value, path: format!("{path}[{index}]") }))
    }

    /// An error that names this value.
    pub(super) fn corrupt(&self, detail: impl std::fmt::Display) -> LoadError {
        corrupt(format!("'{}': {detail}", self.path))
    }

    #[expect(clippy::cast_possible_truncation, reason = "what does not fit is saturated, and is not the number then")]
    #[expect(clippy::cast_precision_loss, reason = "integers of a model are below 2^53")]
    #[expect(clippy::float_cmp, reason = "an integer is exactly itself")]
    fn integer<T: TryFrom<i64>>(&self, number: f64) -> Result<T, LoadError> {
        let integer = number as i64;
        let fitting = T::try_from(integer).ok().filter(|_| integer as f64 == number);
        fitting.ok_or_else(|| self.corrupt(format!("{number} is not an integer that can stand here")))
    }

    fn unexpected(&self, expected: &str) -> LoadError {
        self.corrupt(format!("expected {expected}, got {}", self.value.kind()))
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

pub(super) fn corrupt(detail: String) -> LoadError {
    LoadError::new(LoadErrorKind::Corrupt, detail)
}
