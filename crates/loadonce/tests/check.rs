//! `loadonce check`: models that are wrong on purpose are caught, whatever their samples say.

use crate::support::{Ended, Folder, example, run_with, run_with_python};

fn check(code: &str, flags: &[&str]) -> Ended {
    let folder = Folder::new();
    folder.write("m/model.py", code);
    for (name, row) in [("a", "[1]"), ("b", "[2]"), ("c", "[3]")] {
        folder.write(&format!("m/samples/{name}.json"), format!("{{\"request\": {{\"instances\": [{row}]}}}}"));
    }
    let path = folder.path().to_str().unwrap();
    run_with_python(["check", path, "--time", "2s"].into_iter().chain(flags.iter().copied()))
}

fn expect_wrong(code: &str, words: &str) {
    let ended = check(code, &[]);
    assert_eq!(ended.code, Some(16), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("error: 1 of 1 model is wrong; first: model 'm': "), "{}", ended.stderr);
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    assert!(ended.stdout.contains("WRONG: "), "{}", ended.stdout);
}

#[test]
fn a_model_that_answers_at_random_is_wrong() {
    let code = "
import random

class Model:
    def predict(self, rows):
        return [random.random() for row in rows]
";
    expect_wrong(code, "answers at random");
}

#[test]
fn a_model_that_keeps_something_of_a_request_is_wrong() {
    let code = "
class Model:
    def load(self):
        self.last = None

    def predict(self, rows):
        last, self.last = self.last, rows[0]
        return [last for row in rows]
";
    expect_wrong(code, "keeps something of the request before: asked in another order, sample '");
}

#[test]
fn a_model_that_keeps_every_request_leaks() {
    let code = "
class Model:
    def load(self):
        self.kept = []

    def predict(self, rows):
        self.kept.append(bytearray(4096))
        return rows
";
    expect_wrong(code, "memory grows by ");
}

#[test]
fn a_sound_model_of_workers_survives_their_end() {
    let code = "
class Model:
    def predict(self, rows):
        return [row[0] * 2 for row in rows]
";
    let ended = check(code, &["--json"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let trial = &report["models"][0]["trial"];
    assert_eq!(report["ok"], true);
    assert_eq!((&trial["copies"], &trial["workers_recovered"]), (&1.into(), &3.into()), "{trial}");
    assert_eq!(trial["equal_bit_for_bit"], true, "{trial}");
}

#[test]
fn a_network_is_safe_to_share() {
    let digits = example("digits");
    let ended = run_with(["check", digits.to_str().unwrap(), "--time", "1s"], &[]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("safe to share: "), "{}", ended.stdout);
    assert!(ended.stdout.contains(" on 1 to 32 threads, all equal bit for bit; "), "{}", ended.stdout);
}
