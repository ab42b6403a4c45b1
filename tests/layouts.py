"""scripts/layouts on a program that answers at once: python3 tests/layouts.py."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "scripts/layouts"
# Answers `bench` as prelu-mem does; int8-mask is slow, and so is adaptive where slopes are mixed.
PROGRAM = '''#!/usr/bin/env python3
import json, os, sys
words = sys.argv[1:]
value = lambda name: words[words.index(name) + 1]
if os.environ.get("FAKE") == "fails":
    sys.exit(1)
if os.environ.get("FAKE") == "talks":
    print("hello")
    sys.exit()
def row(name):
    share = 0.5 if name == "int8-mask" else 1.25 if "-0.3" in value("--slopes") and name == "adaptive" else 1.0
    seconds = {"median": 2.0 / share, "min": 1.0 / share, "max": 4.0 / share, "samples": int(value("--samples"))}
    return {"strategy": name, "bits_per_element": 1.0, "forward_seconds": seconds, "backward_seconds": seconds,
            "forward_of_limit": share, "backward_of_limit": share}
names = ["full-copy", "int8-mask", "bitmask", "diff-stash", "output-sign", "adaptive"]
print(json.dumps({
    "machine": {"cpu": "Fake(R) CPU @ 2GHz", "cores": 2, "gpu": None, "simd": os.environ.get("FAKE_SIMD", os.environ.get("PRELU_MEM_SIMD", "avx512"))},
    "settings": {"dtype": value("--dtype"), "shape": list(map(int, value("--shape").split(","))),
                 "shared_slope": "--shared-slope" in words, "threads": int(value("--threads")), "version": "1.0",
                 "slopes": value("--slopes")},
    "limits": {"copy_gbps": 1.0, "in_place_scale_gbps": 2.0, "in_place_triad_gbps": 3.0, "copy_samples": [1.0, 2.0]},
    "rows": [row(name) for name in names if name != os.environ.get("FAKE_WITHOUT")]}))
'''


class Layouts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.program = self.folder / "prelu-mem"
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)

    def run_script(self, *words, **environment):
        return subprocess.run([SCRIPT, *words, "--program", self.program], capture_output=True, text=True,
                              cwd=self.folder, env=os.environ | environment)

    def record(self, *words, **environment):
        done = self.run_script(*words, "--output", "record.json", **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads((self.folder / "record.json").read_text()), done.stdout

    def assert_fails(self, status, text, *words, **environment):
        done = self.run_script(*words, "--output", "record.json", **environment)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(list(self.folder.glob("record*")), [])

    def test_every_layout_type_and_number_of_threads_is_measured_once(self):
        record, _ = self.record()
        rows = [(row["layout"], row["dtype"], row["threads"]) for row in record["rows"]]
        self.assertEqual(len(rows), 10 * 4)
        self.assertEqual(len(set(rows)), len(rows))
        part, _ = self.record("--layouts", "7x7", "--dtypes", "f64", "--threads", "2,1")
        self.assertEqual([row["threads"] for row in part["rows"]], [2, 1])
        for row in record["rows"]:
            elements = 1
            for size in row["shape"]:
                elements *= size
            size = elements * {"f32": 4, "f64": 8, "f16": 2, "bf16": 2}[row["dtype"]] / 2**20
            self.assertTrue(75 < size < 135, row)
            self.assertEqual(row["shared_slope"], row["layout"] == "3199-shared")

    def test_shares_and_goals(self):
        record, told = self.record("--layouts", "7x7", "--dtypes", "f32")
        strategies = record["rows"][0]["strategies"]
        self.assertEqual(strategies["bitmask"]["of_limit"]["forward"], {"median": 1.0, "min": 0.5, "max": 2.0})
        self.assertEqual(strategies["int8-mask"]["goal"], [0.85, 0.85])
        self.assertIn("| 7x7 | 100 / 100 | 100 / 100 | 100 / 100 | **50** / **50** | 100 / 100 | 100 / 100 |", told)
        self.assertIn("10 of 12 passes reach their goal", told)

    def test_the_level_is_forced_and_has_goals_of_its_own(self):
        record, _ = self.record("--layouts", "7x7", "--dtypes", "f32", "--level", "portable")
        self.assertEqual(record["rows"][0]["strategies"]["bitmask"]["goal"], [0.6, 0.6])
        self.assertEqual(record["machine"]["simd"], "portable")
        # Without the option, what the shell has set does not count.
        record, _ = self.record("--layouts", "7x7", "--dtypes", "f32", PRELU_MEM_SIMD="avx2")
        self.assertEqual(record["machine"]["simd"], "avx512")

    def test_mixed_slopes_compare_adaptive_with_bitmask(self):
        record, told = self.record("--slopes", "mixed", "--dtypes", "f32")
        self.assertEqual([row["layout"] for row in record["rows"] if row["shared_slope"]], [])
        self.assertEqual(len(record["rows"]), 9)
        self.assertIn("| 0.80 / 0.80 |", told)
        self.assertIn("18 of 18 passes of adaptive take at most 1.1", told)

    def test_in_cache(self):
        record, _ = self.record("--in-cache")
        self.assertEqual([row["shape"] for row in record["rows"]], [[1, 64, 28, 28], [128, 512]])
        self.assertEqual(record["settings"]["steps"], 100)
        goals = [row["strategies"]["bitmask"]["goal"] for row in record["rows"]]
        self.assertEqual(goals, [[0.8, 0.9], [0.75, 0.75]])

    def test_a_trial_and_a_part_write_no_record_by_themselves(self):
        done = self.run_script("--quick", "--dtypes", "f32")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| 112x112 |", done.stdout)
        self.assertNotIn("record:", done.stdout)

    def test_records_lie_in_the_machines_own_folder(self):
        text = self.script_without_program()
        self.assertIn('"fake-cpu-2ghz-2-cores"', text)

    def script_without_program(self):
        """What the script calls the folder of the machine that its program tells of."""
        machine = self.record("--quick", "--layouts", "7x7", "--dtypes", "f32")[0]["machine"]
        loader = importlib.machinery.SourceFileLoader("layouts_script", str(SCRIPT))
        sys.path.insert(0, str(SCRIPT.parent))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("layouts_script", loader))
        loader.exec_module(module)
        return json.dumps(module.folder(machine))

    def test_the_same_figures_are_the_same_bytes(self):
        def text():
            record, _ = self.record("--quick", "--layouts", "7x7,56x56", "--dtypes", "bf16")
            for row in record["rows"]:
                del row["others_busy"]
            return json.dumps(record)

        self.assertEqual(text(), text())

    def test_what_the_program_does_wrong_fails(self):
        part = ["--layouts", "7x7", "--dtypes", "f32"]
        self.assert_fails(1, "exit status 1", *part, FAKE="fails")
        self.assert_fails(1, "not one JSON object", *part, FAKE="talks")
        self.assert_fails(1, "the program measured", *part, FAKE_WITHOUT="adaptive")
        self.assert_fails(1, "asked for level avx2", *part, "--level", "avx2", FAKE_SIMD="avx512")
        self.program.unlink()
        self.assert_fails(1, "prelu-mem", *part)

    def test_a_record_that_cannot_be_written_fails(self):
        (self.folder / "file").write_text("")
        done = self.run_script("--quick", "--layouts", "7x7", "--output", "file/record.json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("file/record.json", done.stderr)

    def test_usage(self):
        for words, text in [
            (["--layouts", "7x7,8x8"], "'8x8'"),
            (["--dtypes", "f8"], "'f8'"),
            (["--threads", "1,0"], "'0'"),
            (["--threads", "1025"], "'1025'"),
            (["--size", "x"], "'x'"),
            (["--samples", "0"], "'0'"),
            (["--steps", "1001"], "'1001'"),
            (["--level", "sse"], "'sse'"),
            (["--slopes", "steep"], "'steep'"),
            (["--in-cache", "--size", "64"], "--in-cache"),
            (["--in-cache", "--layouts", "7x7"], "--in-cache"),
            (["--slopes", "mixed", "--layouts=3199-shared"], "3199-shared"),
            (["more"], "more"),
        ]:
            self.assert_fails(2, text, *words)


if __name__ == "__main__":
    unittest.main()
