//! The text: a section for the model, then one for each tree, of lines `key=value`.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use loadonce_core::{LoadError, LoadErrorKind};

/// A file, taken apart.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) header: Section<'a>,
    pub(super) trees: Vec<Section<'a>>,
}

/// The lines of the model or of a tree, by their keys.
#[derive(Debug)]
pub(super) struct Section<'a> {
    name: String,
    fields: HashMap<&'a str, &'a str>,
}

/// The line that a file begins with: what follows it describes a model of trees.
const FIRST_LINE: &str = "tree";

/// The line after the last tree. What comes then tells how the model was trained.
const LAST_LINE: &str = "end of trees";

impl<'a> File<'a> {
    pub(super) fn read(content: &'a [u8]) -> Result<Self, LoadError> {
        let text = str::from_utf8(content).map_err(|error| no_model(&error))?;
        let mut lines = text.lines().map(str::trim_end);
        if lines.next() != Some(FIRST_LINE) {
            return Err(no_model(&format!("the first line is not '{FIRST_LINE}'")));
        }
        let mut header = Section::new("the model".to_owned());
        let mut trees: Vec<Section<'a>> = Vec::new();
        for line in lines {
            if line == LAST_LINE {
                return Ok(Self { header, trees });
            }
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            match key {
                "" => {}
                "Tree" => trees.push(Section::of_tree(value, trees.len())?),
                _ => trees.last_mut().unwrap_or(&mut header).put(key, value)?,
            }
        }
        Err(no_model(&format!("the file ends too early, there is no line '{LAST_LINE}'")))
    }
}

impl<'a> Section<'a> {
    fn new(name: String) -> Self {
        Self { name, fields: HashMap::new() }
    }

    fn of_tree(number: &str, expected: usize) -> Result<Self, LoadError> {
        let name = format!("tree {expected}");
        if number.parse() == Ok(expected) {
            return Ok(Self::new(name));
        }
        Err(corrupt(format!("{name}: its number is '{number}'")))
    }

    fn put(&mut self, key: &'a str, value: &'a str) -> Result<(), LoadError> {
        if self.fields.insert(key, value).is_some() {
            return Err(self.corrupt(format!("'{key}' comes twice")));
        }
        Ok(())
    }

    pub(super) fn find(&self, key: &str) -> Option<&'a str> {
        self.fields.get(key).copied()
    }

    pub(super) fn get(&self, key: &str) -> Result<&'a str, LoadError> {
        self.find(key).ok_or_else(|| self.corrupt(format!("'{key}' is missing")))
    }

    pub(super) fn number<T: FromStr>(&self, key: &str) -> Result<T, LoadError> {
        let text = self.get(key)?;
        text.parse().map_err(|_| self.corrupt(format!("'{key}' is '{text}', expected a number")))
    }

    /// So many numbers.
    pub(super) fn numbers<T: FromStr>(&self, key: &str, count: usize) -> Result<Vec<T>, LoadError> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| self.corrupt(format!("'{key}' has '{text}', expected a number that can stand here")))
        };
        let numbers: Vec<T> = self.get(key)?.split_ascii_whitespace().map(parse).collect::<Result<_, _>>()?;
        if numbers.len() == count {
            return Ok(numbers);
        }
        Err(self.corrupt(format!("{} entries in '{key}', expected {count}", numbers.len())))
    }

    /// An error that names this section.
    pub(super) fn corrupt(&self, detail: impl Display) -> LoadError {
        corrupt(format!("{}: {detail}", self.name))
    }

    pub(super) fn unsupported(&self, detail: impl Display) -> LoadError {
        LoadError::new(LoadErrorKind::Unsupported, format!("{}: {detail}", self.name))
    }
}

fn no_model(detail: &dyn Display) -> LoadError {
    corrupt(format!("not a text model of LightGBM: {detail}"))
        .advise("save the model with Booster.save_model('model.txt')")
}

fn corrupt(detail: String) -> LoadError {
    LoadError::new(LoadErrorKind::Corrupt, detail)
}
