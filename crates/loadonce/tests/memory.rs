//! What the server says of its memory, on real processes: one copy of the weights, however many sessions or workers run it.

use loadonce_engines::onnx::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use prost::Message as _;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Folder, Server, until};

/// A forest of 128 trees, 67 MB of thresholds and leaves.
const FOREST: &str = "
from array import array

NODES = 2**17 - 1

class Model:
    def load(self):
        self.trees = [array('f', [number]) * NODES for number in range(128)]

    def predict(self, rows):
        return [sum(walk(tree, row) for tree in self.trees) for row in rows]

def walk(tree, row):
    node = 0
    while 2 * node + 2 < NODES:
        node = 2 * node + (1 if row < tree[node] else 2)
    return tree[node]
";

const ROWS: u64 = 2048;
const COLUMNS: u64 = 4096;

/// `y = x w`, with 34 MB of weights (`onnx.proto` has the numbers).
fn network() -> Vec<u8> {
    const FLOAT: i32 = 1;
    let name = |name: &str| Some(name.to_owned());
    let port = |port: &str| {
        let tensor = TensorTypeProto { elem_type: Some(FLOAT), ..TensorTypeProto::default() };
        let r#type = Some(TypeProto { tensor_type: Some(tensor), ..TypeProto::default() });
        ValueInfoProto { name: name(port), r#type }
    };
    let weights = TensorProto {
        name: name("w"),
        dims: [ROWS, COLUMNS].map(|length| length.try_into().unwrap()).to_vec(),
        data_type: Some(FLOAT),
        raw_data: Some([1.0_f32.to_le_bytes(); 4096].concat().repeat(usize::try_from(ROWS).unwrap()).into()),
        ..TensorProto::default()
    };
    let node = NodeProto {
        input: ["x", "w"].map(str::to_owned).to_vec(),
        output: vec!["y".to_owned()],
        op_type: name("MatMul"),
        ..NodeProto::default()
    };
    let graph = GraphProto {
        node: vec![node],
        name: name("network"),
        initializer: vec![weights],
        input: vec![port("x")],
        output: vec![port("y")],
        ..GraphProto::default()
    };
    let operators = OperatorSetIdProto { domain: None, version: Some(13) };
    let (graph, opset_import) = (Some(graph), vec![operators]);
    ModelProto { ir_version: Some(8), graph, opset_import, ..ModelProto::default() }.encode_to_vec()
}

/// A request of that network.
fn row() -> String {
    let ones = ",1".repeat(2047);
    format!(r#"{{"inputs":[{{"name":"x","shape":[1,{ROWS}],"datatype":"FP32","data":[1{ones}]}}]}}"#)
}

/// A server of the model `m` in a folder, once it is ready.
fn serve(folder: &Folder) -> Server {
    let server = Server::start_with_python([folder.path().to_str().unwrap()]);
    server.until_ready();
    server
}

/// The sum of a metric over all of its labels; none where it is not told.
fn metric(server: &Server, name: &str) -> Option<u64> {
    let metrics = server.client().send("GET", "/metrics", "").unwrap().body;
    let values =
        metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(['{', ' '])?.split(' ').next_back());
    values.map(|value| value.parse::<u64>().unwrap()).reduce(|sum, value| sum + value)
}

fn workers(server: &Server) -> Vec<Value> {
    let report = server.client().send("GET", "/v2/startup", "").unwrap().json();
    report["models"][0]["memory"]["workers"].as_array().unwrap().clone()
}

/// Asks from several connections at once, each of them several times.
fn ask(server: &Server, path: &str, body: &str) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = server.client();
                for _ in 0..4 {
                    assert_eq!(client.send("POST", path, body).unwrap().status, 200);
                }
            });
        }
    });
}

#[test]
fn sessions_share_one_copy_of_a_network() {
    let (network, row) = (network(), row());
    for engine in ["rten", "tabular"] {
        let served = |sessions: u32| {
            let folder = Folder::new();
            folder.write("m/model.onnx", &network);
            folder.write("m/model.toml", format!("engine = '{engine}'\n[limits]\nsessions = {sessions}\n"));
            let server = serve(&folder);
            ask(&server, "/v2/models/m/infer", &row);
            server
        };
        let one = served(1);
        let weights = metric(&one, "loadonce_model_weight_bytes").unwrap();
        assert!(weights >= 4 * ROWS * COLUMNS, "{engine}: {weights}");
        let taken = |server: &Server| metric(server, "loadonce_process_proportional_bytes").unwrap();
        let (alone, four) = (taken(&one), served(4));
        // The allocator gives back later what the load has freed.
        until(|| taken(&four) < alone + weights / 2);
    }
}

#[test]
fn isolated_workers_share_one_copy_of_a_network() {
    let (network, row) = (network(), row());
    for engine in ["rten", "tabular"] {
        let taken = |count: u32| {
            let folder = Folder::new();
            folder.write("m/model.onnx", &network);
            let keys = format!("engine = '{engine}'\nisolation = 'process'\nworkers = {count}\n");
            folder.write("m/model.toml", keys + "[batching]\nenabled = false\n");
            // No more run at once than it has cores, and the others would never be asked.
            let server = Server::start(["--cores", "4", folder.path().to_str().unwrap()]);
            server.until_ready();
            until(|| {
                ask(&server, "/v2/models/m/infer", &row);
                workers(&server).iter().all(|worker| worker["runs"].as_u64().unwrap() > 0)
            });
            let parts =
                ["shared", "private"].map(|part| metric(&server, &format!("loadonce_model_{part}_bytes")).unwrap());
            (metric(&server, "loadonce_model_weight_bytes").unwrap(), parts.iter().sum::<u64>())
        };
        let (weights, alone) = taken(1);
        assert!(weights >= 4 * ROWS * COLUMNS && alone > weights, "{engine}: {weights} of {alone}");
        let (_, together) = taken(4);
        assert!(together < alone + weights / 2, "{engine}: {alone} become {together}");
    }
}

#[test]
fn workers_share_one_copy_of_a_forest() {
    let served = |workers: u32| {
        let folder = Folder::new();
        folder.write("m/model.py", FOREST);
        folder.write("m/model.toml", format!("workers = {workers}"));
        serve(&folder)
    };
    let taken = |server: &Server| {
        until(|| {
            ask(server, "/v1/models/m:predict", r#"{"instances":[7]}"#);
            workers(server).iter().all(|worker| worker["runs"].as_u64().unwrap() > 0)
        });
        let parts = ["shared", "private"].map(|part| metric(server, &format!("loadonce_model_{part}_bytes")).unwrap());
        (metric(server, "loadonce_model_weight_bytes").unwrap(), parts.iter().sum::<u64>())
    };
    let (weights, alone) = taken(&served(1));
    assert!((64 << 20..80 << 20).contains(&weights) && alone > weights, "{weights} of {alone}");
    let four = served(4);
    let (_, together) = taken(&four);
    assert!(together < alone + weights / 2, "{alone} become {together}");
    assert_eq!((metric(&four, "loadonce_model_copies"), workers(&four).len()), (Some(1), 4));
}

#[test]
fn a_worker_that_dies_is_counted_and_replaced() {
    let folder = Folder::new();
    folder.write("m/model.py", "class Model:\n    def predict(self, rows):\n        return rows\n");
    folder.write("m/model.toml", "workers = 2");
    let server = serve(&folder);
    let [deaths, there] = ["loadonce_model_worker_deaths_total", "loadonce_model_workers"];
    assert_eq!((metric(&server, deaths), metric(&server, there)), (Some(0), Some(2)));
    let victim = workers(&server)[1]["pid"].as_i64().unwrap().try_into().unwrap();
    kill_process(Pid::from_raw(victim).unwrap(), Signal::KILL).unwrap();
    until(|| metric(&server, deaths) == Some(1));
    until(|| {
        ask(&server, "/v1/models/m:predict", r#"{"instances":[7]}"#);
        metric(&server, there) == Some(2)
    });
    assert_eq!((metric(&server, deaths), metric(&server, "loadonce_model_loads_total")), (Some(1), Some(1)));
}
