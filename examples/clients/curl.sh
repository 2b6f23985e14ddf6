#!/bin/sh
# Asks which iris has these measures, and prints its name. Needs curl and jq.
set -eu
server=${1:-127.0.0.1:8000}

curl --silent --show-error --fail-with-body "http://$server/v1/models/iris:predict" --json '{"instances": [
    {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}]}' |
    jq --raw-output '.predictions[0].output_label'
