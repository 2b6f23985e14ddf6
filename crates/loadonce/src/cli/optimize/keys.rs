//! Keys of a `model.toml` set anew; all else in it stays as its author wrote it, comments too.

use toml::{Table, Value};

/// A key at the top of the file, its text, and why it is there.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) comment: String,
}

/// The file with these keys set: in their lines, or where there are none, at its top, as what stands below a table's head
/// is in that table. The text is one that has been read before.
pub(super) fn set(text: &str, keys: &[Key]) -> String {
    let edited = edit(text, keys);
    let Ok(mut expected) = text.parse::<Table>() else { return edited };
    for key in keys {
        expected.insert(key.name.to_owned(), Value::String(key.value.clone()));
    }
    if edited.parse::<Table>().is_ok_and(|table| table == expected) {
        return edited;
    }
    // A value of several lines, or a key in quotes: the same content without its comments.
    toml::to_string(&expected).unwrap_or(edited)
}

fn edit(text: &str, keys: &[Key]) -> String {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    for key in keys.iter().rev() {
        let head = lines.iter().position(|line| line.trim_start().starts_with('[')).unwrap_or(lines.len());
        match lines[..head].iter().position(|line| is_of(line, key.name)) {
            Some(place) => lines[place] = key.line(),
            None => lines.insert(0, key.line()),
        }
    }
    lines.join("\n") + "\n"
}

fn is_of(line: &str, name: &str) -> bool {
    line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
}

impl Key {
    fn line(&self) -> String {
        format!("{} = {}  # {}", self.name, Value::String(self.value.clone()), self.comment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &'static str, value: &str) -> Key {
        Key { name, value: value.to_owned(), comment: "why".to_owned() }
    }

    #[test]
    fn keys_are_set_in_their_lines_or_at_the_top() {
        let text = "# mine\nchecksum = \"sha256:1\"\nversion = \"3\"\n\n[options]\nchecksum = 1 # another\n";
        let keys = [key("checksum", "sha256:2"), key("engine", "e")];
        let expected = "engine = \"e\"  # why\n# mine\nchecksum = \"sha256:2\"  # why\nversion = \"3\"\n\n[options]\nchecksum = 1 # another\n";
        assert_eq!(set(text, &keys), expected);
        assert_eq!(set("", &keys), "checksum = \"sha256:2\"  # why\nengine = \"e\"  # why\n");
        assert_eq!(set("[limits]\nqueue = 1\n", &keys[..1]), "checksum = \"sha256:2\"  # why\n[limits]\nqueue = 1\n");
    }

    #[test]
    fn what_cannot_be_edited_in_lines_keeps_its_content() {
        let text = "\"checksum\" = \"sha256:1\"\nversion = \"\"\"\nchecksum = 3\n\"\"\"\n";
        let table: Table = set(text, &[key("checksum", "sha256:2")]).parse().unwrap();
        assert_eq!(table["checksum"].as_str(), Some("sha256:2"));
        assert_eq!(table["version"].as_str(), Some("checksum = 3\n"));
    }
}
