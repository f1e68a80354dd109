//! Columns of text.

use unicode_width::UnicodeWidthStr;

use super::{Style, Tone};

/// A table without borders: columns are as wide as their widest cell.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(head: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            head: head.into_iter().collect(),
            rows: vec![],
        }
    }
    /// Adds a row; control characters, which could move the cursor, are replaced.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let clean = |cell: String| cell.replace(char::is_control, "\u{fffd}");
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    /// Its lines, the heading first.
    pub(crate) fn lines(&self, style: Style) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.width())
                .chain([self.head[column].width()])
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let head: Vec<String> = self.head.iter().map(|cell| (*cell).to_owned()).collect();
        let mut lines = vec![style.paint(Tone::Strong, &line(&head, &widths))];
        lines.extend(self.rows.iter().map(|row| line(row, &widths)));
        lines
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        text.push_str(cell);
        text.push_str(&" ".repeat(width - cell.width() + 2));
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["NAME", "AGE"]);
        table.row(["a-long-name".into(), "5s".into()]);
        table.row(["日本".into(), "3m\u{1b}[2J".into()]);
        assert_eq!(
            table.lines(Style::PLAIN),
            [
                "NAME         AGE",
                "a-long-name  5s",
                "日本         3m\u{fffd}[2J"
            ]
        );
    }
}
