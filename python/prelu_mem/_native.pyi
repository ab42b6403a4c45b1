"""The compiled part: addresses of tensors in. Nothing here checks what an address is of."""

from collections.abc import Sequence

__version__: str

class Plan:
    """What is saved of one tensor for one set of slopes."""

    @property
    def saved_bytes(self) -> int: ...
    @property
    def padding(self) -> tuple[int, int]:
        """Bytes of the saved state that nothing is written to: from the first to before the second."""

    @property
    def needs_output(self) -> bool: ...
    @property
    def elements(self) -> tuple[int, int, int]:
        """Elements of derived, encoded and kept channels."""

    @property
    def slopes(self) -> int:
        """How many there are."""

    def fits(
        self, dtype: str, shape: Sequence[int], strides: Sequence[int], cuda: tuple[int, int] | None = None
    ) -> bool:
        """Whether a tensor is laid out as the one that was planned for, and used in the same stream."""

    def describe(self, to: int) -> None:
        """Writes what the plan was made of: 8 values and the slopes, in float64."""

    def forward(self, x: int, saved: tuple[int, int], threads: int, lent: bool = False) -> None: ...
    def backward(
        self,
        grad: int,
        output: int | None,
        saved: tuple[int, int],
        sums: int | None,
        threads: int,
        lent: bool = False,
    ) -> None: ...

def strategies() -> list[str]: ...
def plans_made() -> int: ...
def check(strategy: str) -> None: ...
def lend_threads(gomp_parallel: int) -> None: ...
def reads_output(strategy: str, learned: bool) -> bool: ...
def plan_again(
    strategy: str,
    dtype: str,
    shape: Sequence[int],
    strides: Sequence[int],
    learned: bool,
    made_with: tuple[int, int],
    cuda: tuple[int, int] | None = None,
) -> Plan | None: ...
def plan(
    strategy: str,
    dtype: str,
    shape: Sequence[int],
    strides: Sequence[int],
    axis: int,
    shared: bool,
    learned: bool,
    slopes: tuple[int, int],
    cuda: tuple[int, int] | None = None,
) -> Plan: ...
