//! `loadonce optimize`: the folder that it writes is served as it is, answers as before, and is there whole or not at all.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use loadonce_engines::onnx::OnnxFile;
use loadonce_engines::onnx::proto::{
    DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use prost::Message as _;
use serde_json::Value;

use crate::support::{Ended, Folder, examples, run_with};

/// A folder to write into, and to make models in.
struct House(Folder);

impl House {
    fn new() -> Self {
        Self(Folder::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn optimize(&self, model: &Path, name: &str, flags: &[&str]) -> Ended {
        let output = self.path(name);
        let arguments = ["optimize".into(), model.into(), "--output".into(), output.into(), "--loads=1".into()];
        run_with(arguments.into_iter().chain(flags.iter().map(OsString::from)), &[])
    }

    /// Names in the folder, hidden ones too.
    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The samples that `check` finds right.
    fn right(&self, name: &str) -> u64 {
        let path = self.path(name);
        let ended = run_with(["check".as_ref(), path.as_os_str(), "--time=0s".as_ref(), "--json".as_ref()], &[]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        report["models"][0]["samples_right"].as_u64().unwrap()
    }
}

fn expect(ended: &Ended, code: i32, words: &str) {
    assert_eq!(ended.code, Some(code), "{}{}", ended.stdout, ended.stderr);
    let said = if code == 0 { &ended.stdout } else { &ended.stderr };
    assert!(said.contains(words), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn weights_lie_beside_the_model_and_it_serves_as_before() {
    let house = House::new();
    let ended = house.optimize(&examples().join("digits"), "fast", &[]);
    expect(&ended, 0, "2 tensors in model.onnx.data, 9.5 kB, each at a multiple of 4096 bytes");
    expect(&ended, 0, "answers: as before, bit for bit (3 requests of its samples)");
    expect(&ended, 0, "serve it: loadonce serve ");
    assert_eq!(house.names(), ["fast"]);
    let path = house.path("fast/model.onnx");
    let file = OnnxFile::parse(fs::read(&path).unwrap().into(), &path).unwrap();
    let places: Vec<_> = file.external_data().unwrap().tensors().iter().map(|tensor| tensor.offset).collect();
    assert_eq!(places, [0, 8192]);
    assert!(house.text("fast/model.toml").contains("[outputs.probabilities]\nlabels = [\"0\""));
    let sums = house.text("fast/SHA256SUMS");
    assert_eq!(sums.lines().map(|line| &line[64..]).collect::<Vec<_>>(), ["  model.onnx", "  model.onnx.data"]);
    assert!(house.text("fast/model.toml").contains(&sums[..64]), "the model's own is verified at each load");
    assert_eq!(house.right("fast"), 3);
}

#[test]
fn a_model_with_data_files_is_laid_out_anew() {
    let house = House::new();
    expect(&house.optimize(&examples().join("digits"), "first", &[]), 0, "wrote ");
    // Elsewhere, at offsets of its own, under another name, and without a checksum.
    fs::create_dir(house.path("old")).unwrap();
    let data = [&[7; 100], &*fs::read(house.path("first/model.onnx.data")).unwrap()].concat();
    fs::write(house.path("old/weights.bin"), data).unwrap();
    let mut model = ModelProto::decode(&*fs::read(house.path("first/model.onnx")).unwrap()).unwrap();
    for entry in model.graph.as_mut().unwrap().initializer.iter_mut().flat_map(|tensor| &mut tensor.external_data) {
        let value = entry.value.as_mut().unwrap();
        match entry.key.as_deref() {
            Some("location") => "weights.bin".clone_into(value),
            Some("offset") => *value = (value.parse::<u64>().unwrap() + 100).to_string(),
            _ => (),
        }
    }
    fs::write(house.path("old/model.onnx"), model.encode_to_vec()).unwrap();
    expect(&house.optimize(&house.path("old"), "again", &[]), 0, "bit for bit (4 requests made from its signature)");
    for name in ["model.onnx", "model.onnx.data"] {
        let [first, again] = ["first", "again"].map(|folder| fs::read(house.path(folder).join(name)).unwrap());
        assert_eq!(first, again, "{name}");
    }
}

#[test]
fn a_file_alone_and_a_numbered_version_become_folders() {
    let house = House::new();
    let content = fs::read(examples().join("digits/model.onnx")).unwrap();
    expect(&house.optimize(&house.0.write("plain.onnx", &content), "plain", &[]), 0, "plain: 2 tensors");
    house.0.write("numbered/7/model.onnx", &content);
    house.0.write("numbered/model.toml", "# mine\n[limits]\nqueue = 3\n");
    expect(&house.optimize(&house.path("numbered"), "latest", &[]), 0, "numbered: 2 tensors");
    let keys = house.text("latest/model.toml");
    assert!(keys.contains("version = \"7\"") && keys.ends_with("# mine\n[limits]\nqueue = 3\n"), "{keys}");
    assert_eq!([house.right("plain"), house.right("latest")], [0, 0]);
}

#[test]
fn what_gains_nothing_is_said_to() {
    let house = House::new();
    let ended = house.optimize(&examples().join("iris"), "fast", &[]);
    expect(&ended, 0, "iris: no tensor of its graph takes 1 kB or more, so all stay in model.onnx");
    expect(&ended, 0, "graph: as before, served by tabular");
    assert!(!house.path("fast/model.onnx.data").exists());
    assert_eq!(fs::read(house.path("fast/model.onnx")).unwrap(), fs::read(examples().join("iris/model.onnx")).unwrap());
    assert_eq!(house.right("fast"), 3);
}

#[test]
fn the_figures_are_there_for_machines() {
    let house = House::new();
    let ended = house.optimize(&examples().join("digits"), "fast", &["--json"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&report["model"], &report["engine"]), (&"digits".into(), &"rten".into()));
    assert_eq!((&report["tensors"], &report["largest_difference"]), (&2.into(), &Value::Null));
    for form in ["before", "after"] {
        assert!(report[form]["load_seconds"]["median"].as_f64().unwrap() > 0.0, "{report}");
        let [load, first] =
            ["load_seconds", "first_run_seconds"].map(|time| report[form][time]["median"].as_f64().unwrap());
        assert!(load <= first, "{report}");
        let [peak, resident] =
            ["peak_bytes", "resident_bytes"].map(|what| report[form][what]["median"].as_u64().unwrap());
        assert!(resident > 0 && peak >= resident, "{report}");
    }
    assert_eq!(report["after"]["disk_bytes"], file_bytes(&house.path("fast")));
}

fn file_bytes(folder: &Path) -> u64 {
    ["model.onnx", "model.onnx.data"].iter().map(|name| fs::metadata(folder.join(name)).unwrap().len()).sum()
}

#[test]
fn weights_are_verified_at_each_load_where_that_is_asked_for() {
    let house = House::new();
    for (name, flags, code) in [("plain", &[][..], 16), ("verified", &["--checksum-weights"], 12)] {
        expect(&house.optimize(&examples().join("digits"), name, flags), 0, "wrote ");
        let data = house.path(name).join("model.onnx.data");
        let mut bytes = fs::read(&data).unwrap();
        // The highest byte of a weight: another sign, and another answer to the samples.
        bytes.iter_mut().skip(3).step_by(4).for_each(|byte| *byte ^= 0x80);
        fs::write(&data, bytes).unwrap();
        let ended = run_with(["check".as_ref(), house.path(name).as_os_str()], &[]);
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert_eq!(ended.stderr.contains("checksum mismatch: expected sha1:"), code == 12, "{}", ended.stderr);
    }
}

#[test]
fn nothing_is_written_over_and_nothing_half() {
    let house = House::new();
    let digits = examples().join("digits");
    house.0.write("fast/notes.txt", "mine");
    expect(&house.optimize(&digits, "fast", &[]), 10, "is there already, and not empty; name another folder, or");
    expect(&house.optimize(&digits, "fast", &["--overwrite"]), 10, "has 'notes.txt', which is no part of a model");
    fs::remove_file(house.path("fast/notes.txt")).unwrap();
    // What a run left that was killed.
    house.0.write(".fast.partial/plain/fast/model.onnx", "half");
    expect(&house.optimize(&digits, "fast", &[]), 0, "wrote ");
    assert_eq!(house.names(), ["fast"]);
    expect(&house.optimize(&examples().join("iris"), "fast", &["--overwrite"]), 0, "wrote ");
    assert!(!house.path("fast/model.onnx.data").exists(), "of the model that was there");
    expect(&house.optimize(&house.path("fast"), "fast", &["--overwrite"]), 10, "is in the folder of the model itself");
    assert_eq!(house.right("fast"), 3);
}

#[test]
fn what_cannot_be_optimized_is_said_and_leaves_nothing() {
    let house = House::new();
    let examples = examples();
    expect(&house.optimize(&examples.join("tumor"), "out", &[]), 13, "optimize takes models in ONNX");
    expect(&house.optimize(&examples, "out", &[]), 10, "optimize takes the path of one model, and got those of 6");
    expect(&house.optimize(&house.path("nowhere"), "out", &[]), 11, "nowhere: cannot be opened");
    let forced = house.optimize(&examples.join("digits"), "out", &["--graph=optimized"]);
    expect(&forced, 10, "--graph optimized is for engines that rewrite a graph, but its engine would be rten");
    house.0.write("broken/model.onnx", "<html>");
    expect(&house.optimize(&house.path("broken"), "out", &[]), 12, "expected an ONNX file, but it is");
    let wrong = r#"{"request": {"instances": [[5.1, 3.5, 1.4, 0.2]]}, "response": {"predictions": [{"output_label": "virginica"}]}}"#;
    house.0.iris("wrong");
    house.0.write("wrong/samples/wrong.json", wrong);
    expect(&house.optimize(&house.path("wrong"), "out", &[]), 16, "sample 'wrong.json' was answered wrongly");
    assert_eq!(house.names(), ["broken", "wrong"]);
}

/// `y = gelu(x · w)`, the latter in the operators that exporters write for it; or with a random number added.
fn network(is_random: bool) -> Vec<u8> {
    let named = |name: &str, axes: [Option<i64>; 2]| {
        let dim = axes.map(|dim_value| DimensionProto { dim_value, dim_param: None }).to_vec();
        let tensor_type =
            Some(TensorTypeProto { elem_type: Some(data_type::FLOAT), shape: Some(TensorShapeProto { dim }) });
        let r#type = Some(TypeProto { tensor_type, ..TypeProto::default() });
        ValueInfoProto { name: Some(name.to_owned()), r#type }
    };
    let constant = |name: &str, dims: &[i64], float_data: Vec<f32>| TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(data_type::FLOAT),
        float_data,
        ..TensorProto::default()
    };
    let node = |operator: &str, input: &[&str], output: &str| NodeProto {
        input: input.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        op_type: Some(operator.to_owned()),
        ..NodeProto::default()
    };
    let weights = (0_u16..1024).map(|index| f32::from(index % 7) / 8.0 - 0.375).collect();
    let mut nodes = vec![
        node("MatMul", &["x", "w"], "m"),
        node("Div", &["m", "root"], "d"),
        node("Erf", &["d"], "e"),
        node("Add", &["e", "one"], "a"),
        node("Mul", &["m", "a"], "p"),
        node("Mul", &["p", "half"], if is_random { "g" } else { "y" }),
    ];
    if is_random {
        nodes.extend([node("RandomNormalLike", &["g"], "r"), node("Add", &["g", "r"], "y")]);
    }
    let graph = GraphProto {
        name: Some("gelu".to_owned()),
        node: nodes,
        initializer: vec![
            constant("w", &[32, 32], weights),
            constant("root", &[], vec![2_f32.sqrt()]),
            constant("one", &[], vec![1.0]),
            constant("half", &[], vec![0.5]),
        ],
        input: vec![named("x", [None, Some(32)])],
        output: vec![named("y", [None, Some(32)])],
        ..GraphProto::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: None, version: Some(17) }];
    ModelProto { ir_version: Some(8), graph: Some(graph), opset_import, ..ModelProto::default() }.encode_to_vec()
}

#[test]
fn an_answer_that_is_another_one_ends_it() {
    let house = House::new();
    let random = house.0.write("random/model.onnx", network(true));
    let ended = house.optimize(&random, "out", &[]);
    expect(
        &ended,
        16,
        "model 'out' answers request 1 made from its signature otherwise once it is optimized: output 'y' has ",
    );
    expect(&ended, 16, "nothing was written; ");
    assert_eq!(house.names(), ["random"]);
    expect(&house.optimize(&random, "out", &["--tolerance=100"]), 0, "as before within the tolerance, ");
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn a_graph_is_rewritten_by_the_engine_that_serves_it() {
    let library = std::env::var_os("LOADONCE_ONNXRUNTIME");
    let library = library.expect("LOADONCE_ONNXRUNTIME names the library, see make onnxruntime");
    let house = House::new();
    let model = house.0.write("gelu/model.onnx", network(false));
    let with_library = ["--onnxruntime", library.to_str().unwrap()];
    let ended = house.optimize(&model, "fast", &[&with_library[..], &["--graph=optimized"]].concat());
    expect(&ended, 0, "nodes instead of 6; only onnxruntime runs it, which has com.microsoft.");
    expect(&ended, 0, "1 tensor in model.onnx.data, 4.1 kB");
    assert!(
        house.text("fast/model.toml").contains("engine = \"onnxruntime\"  # its graph was rewritten by ONNX Runtime")
    );
    let without = run_with(["check".as_ref(), house.path("fast").as_os_str()], &[]);
    expect(&without, 15, "asks for engine 'onnxruntime'");
    // Both are tried, and the one that is not written is told.
    let ended = house.optimize(&model, "auto", &[&with_library[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let rewriting = if report["tried"].is_null() { &report["rewriting"] } else { &report["tried"]["rewriting"] };
    assert_eq!(rewriting["nodes"][0], 6, "{report}");
    assert_eq!(house.names(), ["auto", "fast", "gelu"]);
    let plain = house.optimize(&model, "plain", &[&with_library[..], &["--graph=keep"]].concat());
    expect(&plain, 0, "graph: as before, served by onnxruntime");
    assert!(!house.text("plain/model.toml").contains("engine"));
}
