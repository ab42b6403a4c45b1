//! JSON: one object, indented; lists of numbers and words stay on one line.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::Formatter;

use super::{Exporter, Report};
use crate::failure::Failure;

pub(super) struct Json;

impl Exporter for Json {
    fn export(&self, report: &dyn Report) -> Result<String, Failure> {
        text(&report.json())
    }
}

/// The value as text that ends with a newline.
pub(super) fn text(value: &Value) -> Result<String, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::Run(format!("cannot write JSON: {error}"));
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Lines::default());
    value.serialize(&mut serializer).map_err(|error| failed(&error))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

/// A line for each member of an object, and for each object in a list.
#[derive(Default)]
struct Lines {
    depth: usize,
    in_list: bool,
    /// For each list that is open: whether it holds objects.
    lists: Vec<bool>,
}

impl Lines {
    fn line<W: io::Write + ?Sized>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }
}

impl Formatter for Lines {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        self.lists.push(false);
        writer.write_all(b"[")
    }

    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.in_list = true;
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn end_array_value<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_list = false;
        Ok(())
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.lists.pop() == Some(true) {
            self.line(writer)?;
        }
        writer.write_all(b"]")
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if std::mem::take(&mut self.in_list) {
            if let Some(objects) = self.lists.last_mut() {
                *objects = true;
            }
            self.line(writer)?;
        }
        self.depth += 1;
        writer.write_all(b"{")
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.line(writer)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.in_list = false;
        writer.write_all(b": ")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        self.line(writer)?;
        writer.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_share_a_line_and_objects_do_not() -> Result<(), Box<dyn std::error::Error>> {
        let value =
            serde_json::json!({"a": [1.5, 2], "b": [{"c": [], "d": "x"}, {"e": [[1], [2]]}]});
        let text = text(&value).map_err(|failure| failure.to_string())?;
        let lines = [
            "{",
            "  \"a\": [1.5, 2],",
            "  \"b\": [",
            "    {",
            "      \"c\": [],",
            "      \"d\": \"x\"",
            "    }, ",
            "    {",
            "      \"e\": [[1], [2]]",
            "    }",
            "  ]",
            "}",
            "",
        ];
        assert_eq!(text, lines.join("\n"));
        assert_eq!(serde_json::from_str::<Value>(&text)?, value);
        Ok(())
    }
}
