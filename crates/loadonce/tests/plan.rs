//! `loadonce plan`, and the same sum before a start: what models take, and whether there is room for it.

use std::ffi::OsString;

use serde_json::Value;

use crate::support::{Ended, Folder, Server, example, run_with, run_with_python, until};

/// Takes that much once it is loaded.
const HEAVY: &str = "
class Model:
    def load(self):
        self.weights = bytearray(b'1') * 60_000_000

    def predict(self, rows):
        return [len(self.weights)] * len(rows)
";

/// Models in a folder, and another one for what is measured.
struct House {
    models: Folder,
    state: Folder,
}

impl House {
    fn new(code: &str) -> Self {
        let models = Folder::new();
        models.write("heavy/model.py", code);
        Self { models, state: Folder::new() }
    }

    fn arguments(&self) -> Vec<OsString> {
        [self.models.path().as_os_str(), "--state".as_ref(), self.state.path().as_os_str()].map(OsString::from).into()
    }

    fn plan(&self, flags: &[&str]) -> Ended {
        let arguments = ["plan".into()].into_iter().chain(self.arguments()).chain(flags.iter().map(OsString::from));
        run_with_python(arguments)
    }

    fn json(&self, flags: &[&str]) -> Value {
        let ended = self.plan(&[&["--json"], flags].concat());
        serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}{}", ended.stdout, ended.stderr))
    }
}

/// Bytes of all processes of a server's models, as its metrics have them. Not of the server: how much of the program's own
/// pages is its part depends on who else runs it.
fn taken(server: &Server) -> f64 {
    let metrics = server.client().send("GET", "/metrics", "").unwrap().body;
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
    let sum = |name: &str| metrics.lines().filter(|line| line.starts_with(name)).filter_map(value).sum::<f64>();
    sum("loadonce_model_shared_bytes{") + sum("loadonce_model_private_bytes{")
}

#[test]
fn what_is_measured_is_what_serving_takes() {
    let house = House::new(HEAVY);
    assert_eq!(house.json(&[])["source"], "estimated");
    let measured = house.json(&["--measure"]);
    let plan = house.json(&[]);
    assert_eq!((&plan["source"], &plan["models"]), (&"measured".into(), &measured["models"]));
    let planned = plan["models"][0]["resident_bytes"].as_f64().unwrap();
    let server = Server::start_with_python(house.arguments());
    server.until_ready();
    let taken = taken(&server);
    assert!((planned / taken - 1.0).abs() < 0.1, "planned {planned}, taken {taken}: {plan}");
    // Another model than the one that was measured.
    house.models.write("heavy/model.py", HEAVY.replace("60_000_000", "70_000_000"));
    assert_eq!(house.json(&[])["source"], "estimated");
}

#[test]
fn what_was_served_is_known_to_the_next_plan() {
    let house = House::new(HEAVY);
    let server = Server::start_with_python(house.arguments());
    server.until_ready();
    until(|| house.json(&[])["source"] == "measured");
    let resident = house.json(&[])["models"][0]["resident_bytes"].as_f64().unwrap();
    let taken = taken(&server);
    assert!((resident / taken - 1.0).abs() < 0.1, "kept {resident}, taken {taken}");
}

#[test]
fn what_does_not_fit_is_refused_with_the_sum() {
    let house = House::new(HEAVY);
    house.plan(&["--measure"]);
    let ended = house.plan(&["--memory-limit", "50M"]);
    assert_eq!(ended.code, Some(14), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("does not fit into 50.0 MB (--memory-limit); measured"), "{}", ended.stdout);
    let limited = house.arguments().into_iter().chain(["--memory-limit=50M".into()]);
    let refused = run_with(["serve".into(), "--port=0".into()].into_iter().chain(limited.clone()), &[]);
    assert_eq!(refused.code, Some(14), "{}", refused.stderr);
    assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
    for part in ["1 model and the program take ", "but there are 50.0 MB (--memory-limit)", "--force"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    let forced = Server::start_with_python(limited.chain(["--force".into()]));
    forced.until_ready();
}

#[test]
fn models_that_do_not_fit_while_they_are_loaded_are_loaded_one_after_the_other() {
    let house = House::new(HEAVY);
    for name in ["second", "third"] {
        house.models.write(&format!("{name}/model.py"), HEAVY);
    }
    let plan = house.json(&["--measure"]);
    let needs =
        |key: &str| plan["models"].as_array().unwrap().iter().map(|model| model[key].as_u64().unwrap()).sum::<u64>();
    let together = plan["base_bytes"].as_u64().unwrap() + needs("peak_bytes");
    let least = plan["peak_bytes"].as_u64().unwrap();
    assert!(least <= together, "{plan}");
    let server = Server::start_with_python(
        house.arguments().into_iter().chain([format!("--memory-limit={}", least + least / 10).into()]),
    );
    server.until_ready();
    until(|| server.said("ready after "));
}

#[test]
fn the_table_has_a_row_for_each_model() {
    let ended = run_with(["plan", example("iris").to_str().unwrap()], &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let words: Vec<Vec<_>> = ended.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["model", "engine", "files", "serving", "loading", "copies", "sessions", "threads"]);
    assert_eq!((words[1][0], words[1][1], words[1].last()), ("iris", "tabular", Some(&"estimated")));
    assert_eq!((&words[2][..2], &words[3][..2]), (&["the", "program"][..], &["in", "all"][..]));
    assert_eq!(words[4][..2], ["fits", "into"]);
}
