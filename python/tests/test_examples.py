"""The digits: both sides learn, and learn the same."""

import pathlib
import subprocess
import sys

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


def test_digits():
    command = [sys.executable, EXAMPLES / "digits.py", "--epochs", "2", "--batch", "100"]
    text = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, timeout=400).stdout
    epochs = [line.split() for line in text.splitlines() if line[:1].isdigit()]
    assert len(epochs) == 2
    for _, stock_loss, stock_accuracy, loss, accuracy in epochs:
        assert abs(float(loss) - float(stock_loss)) < 0.02 and abs(float(accuracy) - float(stock_accuracy)) < 0.02
    assert float(epochs[-1][4]) > 0.8
    kept = next(line for line in text.splitlines() if line.startswith("kept")).split()
    stock, ours = float(kept[3]), float(kept[5])
    assert ours < 0.75 * stock
