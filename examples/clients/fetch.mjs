// Asks which iris has these measures, and prints its name. Needs nothing but Node.js 18 or a browser.
const server = process.argv[2] ?? "127.0.0.1:8000";
const row = { sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2 };

const answer = await fetch(`http://${server}/v1/models/iris:predict`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ instances: [row] }),
});
const body = await answer.json();
if (!answer.ok) throw new Error(body.error);
console.log(body.predictions[0].output_label);
