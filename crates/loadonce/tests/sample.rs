//! `loadonce sample`: what it writes is read and answered rightly by `check`, and a wrong answer is not written.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Ended, Folder, example, run_with, run_with_python};

const ROWS: &str = "\
sepal_length,sepal_width,petal_length,petal_width
5.1,3.5,1.4,0.2
6.5,3.2,5.1,2.0
";

const RIGHT: &str = r#"
{"output_label": "setosa", "output_probability": [0.9847, 0.0153, 0]}
{"output_label": "virginica", "output_probability": [0.0009, 0.1807, 0.8185]}
"#;

/// A temporary folder with one model `m` in it.
struct Model {
    folder: Folder,
}

impl Model {
    fn iris() -> Self {
        let folder = Folder::new();
        folder.iris("models/m");
        let columns =
            "[inputs.measurements]\ncolumns = [\"sepal_length\", \"sepal_width\", \"petal_length\", \"petal_width\"]";
        folder.write("models/m/model.toml", columns);
        Self { folder }
    }

    fn digits() -> Self {
        let folder = Folder::new();
        folder.write("models/m/model.onnx", fs::read(example("digits")).unwrap());
        Self { folder }
    }

    fn python(code: &str) -> Self {
        let folder = Folder::new();
        folder.write("models/m/model.py", code);
        Self { folder }
    }

    /// Writes a file of rows, and gives its path.
    fn file(&self, name: &str, text: &str) -> String {
        self.folder.write(name, text).to_str().unwrap().to_owned()
    }

    fn run(&self, command: &str, flags: &[&str]) -> Ended {
        let path = self.folder.path().join("models/m");
        run_with_python([command, path.to_str().unwrap()].into_iter().chain(flags.iter().copied()))
    }

    fn sample(&self, flags: &[&str]) -> Ended {
        self.run("sample", flags)
    }

    /// The samples that `check` finds right.
    fn right(&self) -> u64 {
        let ended = self.run("check", &["--time", "0s", "--json"]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        report["models"][0]["samples_right"].as_u64().unwrap()
    }

    fn written(&self, name: &str) -> Value {
        let path = self.folder.path().join("models/m/samples").join(name);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    fn has_samples(&self) -> bool {
        self.folder.path().join("models/m/samples").exists()
    }
}

fn expect(ended: &Ended, code: i32, words: &str) {
    assert_eq!(ended.code, Some(code), "{}{}", ended.stdout, ended.stderr);
    let said = if code == 0 { &ended.stdout } else { &ended.stderr };
    assert!(said.contains(words), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn right_answers_are_written_and_hold() {
    let model = Model::iris();
    let (rows, right) = (model.file("rows.csv", ROWS), model.file("right.jsonl", RIGHT));
    let flags = ["--rows", &rows, "--expected", &right, "--tolerance", "1e-4"];
    expect(&model.sample(&flags), 0, "with the expected answers: the model gives them");
    let written = model.written("sample.json");
    assert_eq!(written["description"], "rows of rows.csv; the answers are those of right.jsonl");
    assert_eq!(written["request"]["instances"][1]["petal_length"], 5.1);
    assert_eq!(written["tolerance"], json!({"absolute": 1e-4, "relative": 1e-5}));
    assert_eq!(model.right(), 1);
    expect(&model.sample(&flags), 10, "sample.json is there already; write over it with --overwrite");
    expect(&model.sample(&[&flags[..], &["--overwrite"]].concat()), 0, "sample.json");
}

#[test]
fn a_sample_a_row_may_have_some_of_the_outputs() {
    let model = Model::iris();
    let (rows, labels) = (model.file("rows.csv", ROWS), model.file("labels.csv", "output_label\nsetosa\nvirginica\n"));
    expect(&model.sample(&["--rows", &rows, "--expected", &labels, "--each", "--name", "real"]), 0, "2 samples");
    assert_eq!(model.written("real_2.json")["response"], json!({"predictions": [{"output_label": "virginica"}]}));
    assert_eq!(model.right(), 2);
}

#[test]
fn an_answer_that_the_model_does_not_give_is_not_written() {
    let model = Model::iris();
    let rows = model.file("rows.csv", ROWS);
    let wrong = model.file("wrong.csv", "output_label\nsetosa\nversicolor\n");
    let flags = ["--rows", &rows, "--expected", &wrong];
    let row = r#"row 2, {"sepal_length":6.5,"sepal_width":3.2,"petal_length":5.1,"petal_width":2.0}, otherwise than wrong.csv"#;
    for flags in [flags.to_vec(), [&flags[..], &["--each"]].concat()] {
        let ended = model.sample(&flags);
        expect(&ended, 16, row);
        expect(&ended, 16, "output 'output_label' has \"virginica\" at [");
        expect(&ended, 16, "expected \"versicolor\"");
        assert!(!model.has_samples());
    }
    expect(&model.sample(&[&flags[..], &["--write-anyway"]].concat()), 16, "written all the same");
    expect(&model.run("check", &["--time", "0s"]), 16, "sample 'sample.json' was answered wrongly");
    let right = model.file("right.csv", "output_label\nsetosa\nvirginica\n");
    expect(&model.sample(&["--rows", &rows, "--expected", &right, "--overwrite"]), 0, "wrote ");
    assert_eq!(model.right(), 1);
}

#[test]
fn a_network_gets_a_request_made_from_its_signature() {
    let model = Model::digits();
    expect(&model.sample(&[]), 0, "without an answer: the model's own would prove nothing");
    let written = model.written("sample.json");
    assert_eq!(written.get("response"), None);
    assert!(written["description"].as_str().unwrap().ends_with("nobody has said what is right"), "{written}");
    assert!(written["request"]["instances"].is_array(), "{written}");
    assert_eq!(model.right(), 0);
    expect(&model.sample(&["--record", "--name", "recorded"]), 0, "does not prove that it is right");
    let recorded = model.written("recorded.json");
    assert_eq!(recorded["request"], written["request"]);
    assert!(recorded["description"].as_str().unwrap().ends_with("does not prove that it is right"), "{recorded}");
    assert_eq!(model.right(), 1);
    expect(&model.sample(&["--seed", "2", "--name", "other"]), 0, "other.json");
    assert_ne!(model.written("other.json")["request"], written["request"]);
}

#[test]
fn rows_of_json_come_from_a_file_or_from_their_types() {
    let model = Model::python(
        "
from dataclasses import dataclass

@dataclass
class Person:
    name: str
    age: int
    note: str = ''

class Model:
    def predict(self, rows: list[Person]) -> list[str]:
        return [f'{row.name} {row.age}' for row in rows]
",
    );
    expect(&model.sample(&["--record"]), 0, "wrote ");
    let written = model.written("sample.json");
    assert_eq!(written["request"], json!({"instances": [{"name": "text", "age": 1}]}));
    assert_eq!(written["response"], json!({"predictions": ["text 1"]}));
    let rows = model.file("rows.csv", "name,age,note\nAda,36,\nBob,7,x\n");
    let right = model.file("right.json", "[\"Ada 36\", \"Bob 7\"]");
    expect(&model.sample(&["--rows", &rows, "--expected", &right, "--name", "people"]), 0, "wrote ");
    assert_eq!(model.written("people.json")["request"]["instances"][0], json!({"name": "Ada", "age": 36}));
    assert_eq!(model.right(), 2);
    let refused = model.file("refused.jsonl", "{\"name\": \"Ada\", \"age\": \"old\"}");
    expect(&model.sample(&["--rows", &refused, "--name", "refused"]), 16, "does not answer rows of refused.jsonl: ");
}

#[test]
fn what_a_sample_cannot_be_made_of_is_said() {
    let untyped = "class Model:\n    def predict(self, rows):\n        return rows\n";
    expect(
        &Model::python(untyped).sample(&[]),
        10,
        "it takes rows of JSON, and has no types that say of what; give rows",
    );
    let model = Model::iris();
    let (rows, one) = (model.file("rows.csv", ROWS), model.file("one.csv", "output_label\nsetosa\n"));
    expect(&model.sample(&["--rows", &rows, "--expected", &one]), 10, "expected an answer for each of 2 rows, got 1");
    let narrow = model.file("narrow.jsonl", "[1, 2, 3]");
    expect(&model.sample(&["--rows", &narrow]), 16, "does not answer rows of narrow.jsonl");
    expect(&model.sample(&["--model", "n"]), 11, "model 'n' is not there; there are m");
    expect(&model.sample(&["--expected", &one]), 2, "--rows");
    model.folder.iris("models/n");
    let both = model.folder.path().join("models");
    expect(&run_with(["sample", both.to_str().unwrap()], &[]), 10, "say which with --model: m, n");
    let bare = model.folder.write("bare.onnx", fs::read(example("iris")).unwrap());
    let ended = run_with(["sample", bare.to_str().unwrap()], &[]);
    expect(&ended, 10, "put it into a folder of its own, as bare/model.onnx");
    assert!(!model.has_samples());
}
