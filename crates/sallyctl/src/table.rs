//! Tables for people: upper-case headings, columns as wide as what they hold, two blanks between them.

use std::fmt::Write;

/// Which edge of its column a cell keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}
use Align::{Left, Right};

/// A table that is filled row by row, and taken out in one or several blocks.
#[derive(Clone, Debug)]
pub(crate) struct Table<const N: usize> {
    columns: [Align; N],
    widths: [usize; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table whose first row is these headings; a heading that starts with `>` is of a column of
    /// numbers.
    pub(crate) fn new(headings: [&str; N]) -> Self {
        let columns = headings.map(|heading| if heading.starts_with('>') { Right } else { Left });
        let headings = headings.map(|heading| heading.trim_start_matches('>').to_owned());
        Self { columns, widths: [0; N], rows: vec![headings] }
    }

    /// Makes columns at least so wide: for a table that is printed before all its rows are known.
    pub(crate) fn at_least(mut self, widths: [usize; N]) -> Self {
        self.widths = widths;
        self
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// How many rows wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.rows.len()
    }

    /// The rows that were added since the last block, as lines. Columns only grow from block to block.
    pub(crate) fn block(&mut self) -> String {
        for row in &self.rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in self.rows.drain(..) {
            let mut line = String::new();
            for ((cell, width), align) in row.iter().zip(self.widths).zip(self.columns) {
                if !line.is_empty() {
                    line.push_str("  ");
                }
                // Writing to a String cannot fail.
                let written = match align {
                    Left => write!(line, "{cell:<width$}"),
                    Right => write!(line, "{cell:>width$}"),
                };
                debug_assert!(written.is_ok());
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_to_the_right_and_no_line_ends_in_blanks() {
        let mut table = Table::new(["NAME", ">HITS", "NOTE"]);
        table.row(["inside-out".into(), "7".into(), "ü".into()]);
        table.row(["x".into(), "12,345".into(), String::new()]);
        assert_eq!(
            table.block(),
            "NAME          HITS  NOTE\ninside-out       7  ü\nx           12,345\n"
        );
        table.row(["y".into(), "1".into(), "z".into()]);
        assert_eq!(table.block(), "y                1  z\n", "widths stay");
    }
}
