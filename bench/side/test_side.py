"""What of the comparison needs no server: python -m unittest discover bench/side."""

import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import loads
import machine
import memory
import report
from copies import all_at_once
from estimator_works import with_rows_apart
from load import LoadError, Window, window
from messages import field, framed, infer_request, raw_outputs
from open_loop import Answers
from outcome import Bar, Comparison, Outcome, Verdict
from pairs import Pairs, Ratio, take_turns
from work import Work, binary_parts, difference


def at_rate(rate: float) -> Window:
    return Window(rate, p50=1.0, p99=2.0, cpu=0.5, noise=0.1)


RIGHT = {"label": 1, "scores": [0.25, 0.75]}
PRINTED = {"requests": 100, "seconds": 2.0, "refused": 0, "broken": 0}


class Answer(unittest.TestCase):
    def test_rounding_and_what_is_said_besides_do_not_matter(self) -> None:
        got = {"label": 1, "scores": [0.2500001, 0.75], "model": "iris"}
        self.assertIsNone(difference(got, RIGHT))

    def test_a_difference_is_told_where_it_is(self) -> None:
        for got, place in [
            ({"label": 2, "scores": [0.25, 0.75]}, "answer.label"),
            ({"label": 1, "scores": [0.25, 0.7]}, "answer.scores[1]"),
            ({"label": 1, "scores": [0.25]}, "answer.scores"),
            ({"label": 1, "scores": [0.25, "0.75"]}, "answer.scores[1]"),
            ({"label": 1}, "answer"),
            ([], "answer"),
        ]:
            self.assertTrue((difference(got, RIGHT) or "").startswith(f"{place} is"))

    def test_an_integer_is_no_float(self) -> None:
        self.assertIsNotNone(difference(1.0, 1))
        self.assertIsNone(difference(1, 1.0))


class Turns(unittest.TestCase):
    def test_who_is_first_changes_and_the_warm_up_does_not_count(self) -> None:
        order = []

        def turn(name: str) -> Window:
            order.append(name)
            return at_rate(len(order))

        pairs = take_turns(lambda: turn("ours"), lambda: turn("other"), 2)
        self.assertEqual(order, ["ours", "other", "ours", "other", "other", "ours"])
        self.assertEqual([window.rate for window in pairs.ours], [3, 6])
        self.assertEqual([window.rate for window in pairs.other], [4, 5])

    def test_a_ratio_is_the_median_of_those_of_pairs(self) -> None:
        ratio = Ratio.of([2.0, 30.0, 1.0], [1.0, 10.0, 2.0])
        self.assertEqual(ratio, Ratio(2.0, 0.5, 3.0))
        self.assertEqual(str(ratio), "2.00 (0.50 to 3.00)")


class Bars(unittest.TestCase):
    def test_a_bar_is_met_from_its_own_side(self) -> None:
        cases = [(0.9, False, True), (0.89, False, False), (0.9, True, True)]
        for figure, at_most, met in [*cases, (0.91, True, False)]:
            self.assertEqual(Bar(0.9, at_most).met(figure), met)

    def test_a_verdict_looks_at_the_median(self) -> None:
        verdict = Verdict.of_ratio("iris", Ratio(1.1, 0.2, 3.0), Bar(1.0))
        self.assertTrue(verdict.met)
        self.assertEqual(verdict.bar, "≥ 1x")


class Generators(unittest.TestCase):
    def test_a_window_has_rates_and_times_of_a_request(self) -> None:
        printed = PRINTED | {"p50": 1.5, "p99": 3.0}
        found = window(printed, "iris", cpu=1.0, others=0.5)
        self.assertEqual(found, Window(50.0, 1.5, 3.0, 10.0, 0.25))

    def test_one_refused_request_is_enough_to_say_so(self) -> None:
        printed = PRINTED | {"p50": 1.5, "p99": 3.0, "refused": 1}
        with self.assertRaises(LoadError):
            window(printed, "iris", cpu=1.0, others=0.5)

    def test_what_an_open_loop_did_not_send_is_not_forgotten(self) -> None:
        none = {"count": 0, "p50": 0.0, "p99": 0.0, "p999": 0.0}
        content = dict.fromkeys(("good", "refused", "late"), none)
        content |= {"seconds": 2.0, "broken": 0, "unsent": 0}
        content["good"] = none | {"count": 30}
        self.assertEqual(Answers.of(json.dumps(content), "iris").goodput, 15.0)
        with self.assertRaises(LoadError):
            Answers.of(json.dumps(content | {"unsent": 1}), "iris")


class Messages(unittest.TestCase):
    def test_raw_outputs_are_those_of_the_answer(self) -> None:
        answer = field(1, b"iris") + b"\x18\x05" + field(6, b"one") + field(6, b"two")
        self.assertEqual(raw_outputs(framed(answer)), [b"one", b"two"])

    def test_a_length_above_127_takes_two_bytes(self) -> None:
        content = bytes(300)
        self.assertEqual(field(6, content)[:3], b"\x32\xac\x02")
        self.assertEqual(raw_outputs(framed(field(6, content))), [content])

    def test_a_broken_answer_is_not_read(self) -> None:
        with self.assertRaises(ValueError):
            raw_outputs(framed(field(6, b"one"))[:-1])

    def test_a_request_is_that_of_the_definition(self) -> None:
        tensor = {"name": "X", "datatype": "FP32", "shape": [1, 4]}
        message = infer_request("iris", tensor, b"\0" * 16)
        described = b"\x0a\x01X" + b"\x12\x04FP32" + b"\x1a\x02\x01\x04"
        expected = b"\x0a\x04iris" + b"\x2a\x0d" + described + b"\x3a\x10" + b"\0" * 16
        self.assertEqual(message, expected)

    def test_elements_stand_behind_the_head_as_singles(self) -> None:
        tensor = {"name": "x", "shape": [2], "datatype": "FP32", "data": [1.0, -2.0]}
        head, elements = binary_parts(tensor)
        self.assertEqual(elements, bytes.fromhex("0000803f 000000c0"))
        self.assertEqual(
            json.loads(head)["inputs"][0]["parameters"], {"binary_data_size": 8}
        )


class InPython(unittest.TestCase):
    def test_the_rows_of_all_requests_go_into_one(self) -> None:
        bodies = [b'{"instances":[[1.5]]}', b'{"instances":[[2.5]]}']
        work = Work("big", "v1 JSON", "/", bodies, [{}, {}])
        self.assertEqual(all_at_once(work).bodies, [b'{"instances":[[1.5],[2.5]]}'])

    def test_triton_gives_an_output_without_columns_one(self) -> None:
        outputs = [{"shape": [1]}, {"shape": [1, 3]}]
        work = Work("iris", "v2 JSON", "/", [], [{"outputs": outputs}])
        shapes = [one["shape"] for one in with_rows_apart(work).answers[0]["outputs"]]
        self.assertEqual(shapes, [[1, 1], [1, 3]])

    def test_a_count_is_right_or_not(self) -> None:
        self.assertTrue(Verdict.of_count("loads", 1, 1).met)
        self.assertFalse(Verdict.of_count("failed", 1, 0).met)


class Machine(unittest.TestCase):
    def test_what_waits_is_not_busy(self) -> None:
        text = "cpu  100 20 30 9999 888 7 3 0 0 0\ncpu0 1 2 3"
        self.assertEqual(machine.busy_of(text), 160 / machine.TICKS)

    def test_memory_is_read_by_its_kind(self) -> None:
        text = "0-1 ---p 0 00:00 0  [rollup]\nRss:  100 kB\nPss:   60 kB\n"
        self.assertEqual(machine.kilobytes(text, "Pss"), 60)


class Memory(unittest.TestCase):
    def test_a_worker_that_idled_is_noticed(self) -> None:
        front = 0.01
        for spent, workers, worked in [
            ([front, 1.0, 0.9], 2, True),
            ([front, 1.0, 0.2], 2, False),
            ([1.0], 2, False),
        ]:
            self.assertEqual(memory.all_worked(spent, workers), worked)

    def test_growth_is_of_four_workers(self) -> None:
        ours = memory.Line("forest", "loadonce", {1: 100, 2: 101, 4: 110, 8: 130})
        other = memory.Line("forest", "FastAPI", {1: 100, 2: 200, 4: 400, 8: 800})
        pair = memory.Pair(ours, other, limit=1.15)
        self.assertTrue(pair.verdict().met)
        self.assertFalse(replace(pair, limit=1.05).verdict().met)
        shown = "\n\n".join(memory.section([pair]))
        self.assertIn("| forest | loadonce | 100 | 101 | 110 | 130 | 1.10x |", shown)


class Loads(unittest.TestCase):
    def test_a_form_is_shown_with_its_median_loads(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "model.onnx").write_bytes(bytes(1_000_000))
            Path(folder, "model.onnx.data").write_bytes(bytes(2_000_000))
            Path(folder, "SHA256SUMS").write_bytes(bytes(4_000_000))
            form = loads.Form("rten", "one file", Path(folder))
            loads.drop_from_cache(form)
            line = loads.Line(form)
            for seconds in (0.3, 0.1, 0.2):
                sizes = {"peak_bytes": 4e6, "resident_bytes": 3e6}
                times = {"load_seconds": seconds, "first_run_seconds": 2 * seconds}
                line.warm.append(sizes | times)
            line.cold.append(line.warm[0])
            shown = "\n\n".join(loads.section([line], "1.2.3"))
        row = "| rten | one file | 3 | 0.30 (0.30 to 0.30) | 0.60 (0.60 to 0.60) "
        row += "| 0.20 (0.10 to 0.30) | 0.40 (0.20 to 0.60) | 4 | 3 |"
        self.assertIn(row, shown)
        self.assertIn("loaded 3 times", shown)

    def test_a_program_that_fails_is_told(self) -> None:
        with self.assertRaisesRegex(LoadError, "false optimize m --output o"):
            loads.Loadonce(Path("/bin/false"), "off").optimize(Path("m"), Path("o"))


class Report(unittest.TestCase):
    def test_only_what_is_between_the_marks_changes(self) -> None:
        text = "before\n<!-- a:begin -->\nold\n<!-- a:end -->\nafter"
        self.assertEqual(report.put(text, "new", "a"), text.replace("old", "new"))
        with self.assertRaises(ValueError):
            report.put(text, "new", "b")

    def test_a_comparison_and_its_bar_are_shown(self) -> None:
        pairs = Pairs([at_rate(20.0)], [at_rate(10.0)])
        comparison = Comparison.of("iris", "floor", 8, pairs)
        bar = Verdict.of_ratio("rate", comparison.rate, Bar(2.5))
        outcome = Outcome([comparison], [bar])
        run = report.Run("2026-11-21", "make bench", "2 cores", 1, 9)
        shown = report.section(run, {"iris": outcome})
        self.assertIn("0 of 1 are met", shown)
        self.assertIn("| iris | floor | 8 | 2.00 (2.00 to 2.00) |", shown)


if __name__ == "__main__":
    unittest.main()
