"""scripts/instructions tells a count that has grown from one that has not: python3 tests/instructions.py."""

import copy
import json
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs/records/instructions.json"


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.old = json.loads(RECORD.read_text())
        self.new = copy.deepcopy(self.old)
        self.key = "avx2/forward/7x7/f32/bitmask"
        self.row = self.new["counts"][self.key]

    def run_script(self, *arguments):
        return subprocess.run([ROOT / "scripts/instructions", *arguments], capture_output=True, text=True,
                              cwd=self.folder)

    def compare(self):
        for name, record in [("old", self.old), ("new", self.new)]:
            (self.folder / name).write_text(json.dumps(record))
        return self.run_script("compare", "old", "new")

    def assert_fails(self, done, *told):
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for text in told:
            self.assertIn(text, done.stdout + done.stderr)

    def test_a_record_is_as_itself(self):
        done = self.compare()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{len(self.old['counts'])} counts compared, 0 changed", done.stdout)

    def test_one_count_grown_by_over_a_tenth_fails(self):
        self.row["instructions"] *= 1.11
        self.assert_fails(self.compare(), self.key, "GROWN", "+11.0%", "1 grown", "scripts/instructions record")

    def test_growth_by_less_passes_and_is_told(self):
        self.row["instructions"] *= 1.09
        done = self.compare()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(self.key, done.stdout)

    def test_fewer_instructions_pass(self):
        self.row["instructions"] *= 0.5
        done = self.compare()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("-50.0%", done.stdout)

    def test_calls_of_the_c_library_that_multiply_fail(self):
        self.row["calls"] += 1000
        self.assert_fails(self.compare(), self.key, "GROWN")

    def test_a_pass_that_is_counted_no_more_fails(self):
        del self.new["counts"][self.key]
        self.assert_fails(self.compare(), self.key, "not counted now")

    def test_a_level_that_the_processor_lacks_is_said_to_be_left_out(self):
        self.old["counts"] |= {"avx512/forward/7x7/f32/bitmask": self.row, "avx512/backward/7x7/f32/bitmask": self.row}
        self.new["counts"] = {key: row for key, row in self.new["counts"].items() if not key.startswith("avx512/")}
        done = self.compare()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"NOT CHECKED: \d+ counts of avx512")

    def test_a_pass_of_that_level_that_is_counted_no_more_fails(self):
        gone = "avx512/forward/7x7/f32/bitmask"
        self.old["counts"][gone] = self.row
        self.new["counts"].pop(gone, None)
        self.new["counts"]["avx512/backward/7x7/f32/bitmask"] = self.row
        self.assert_fails(self.compare(), gone, "not counted now")

    def test_a_pass_without_a_record_fails(self):
        del self.old["counts"][self.key]
        self.assert_fails(self.compare(), self.key, "not recorded")

    def test_another_compiler_fails_and_says_what_to_do(self):
        for what in ("rustc", "target"):
            self.setUp()
            self.new[what] = "another"
            self.assert_fails(self.compare(), self.old[what], "another", "scripts/instructions record")

    def test_a_check_against_another_compilers_record_fails_before_it_counts(self):
        self.old["rustc"] = "1.0.0"
        (self.folder / "old").write_text(json.dumps(self.old))
        self.assert_fails(self.run_script("check", "old"), "1.0.0")

    def test_what_is_no_record_is_named(self):
        for text in ("", "[]", "{}", '{"schema": 2}', '{"schema": 1, "counts": {"a": {"instructions": 0}}}'):
            (self.folder / "odd").write_text(text)
            self.assert_fails(self.run_script("compare", "odd", RECORD), "odd")
        self.assert_fails(self.run_script("compare", "missing", RECORD), "missing")

    def test_usage(self):
        for arguments in ([], ["count"], ["record", "x"], ["compare", "x"], ["check", "x", "y"]):
            self.assertEqual(self.run_script(*arguments).returncode, 2, arguments)
        self.assertEqual(self.run_script("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main()
