from typing import Any


class Model:
    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"label": "spam", "confidence": 0.75} for _ in rows]
