//! Asks which iris has these measures, and prints its name.

use serde_json::{Value, json};

fn main() -> Result<(), ureq::Error> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let row = json!({"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2});

    let url = format!("http://{server}/v1/models/iris:predict");
    let mut answer = ureq::post(url).send_json(json!({"instances": [row]}))?;
    let body: Value = answer.body_mut().read_json()?;
    println!("{}", body["predictions"][0]["output_label"].as_str().unwrap_or_default());
    Ok(())
}
