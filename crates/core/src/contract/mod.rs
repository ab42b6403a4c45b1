//! What every strategy on every backend must do: an independent oracle and one suite.
