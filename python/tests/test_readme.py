"""README.md's programs run."""

import pathlib
import re
import subprocess
import sys

README = pathlib.Path(__file__).parent.parent / "README.md"


def test_the_numpy_example():
    text = README.read_text(encoding="utf-8")
    programs = [code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "import" in code]
    assert len(programs) == 1
    subprocess.run([sys.executable, "-c", programs[0]], check=True, timeout=60)
