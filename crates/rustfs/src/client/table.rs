//! Aligned text for people, at most [`WIDTH_MAX`] columns wide: what is wider goes on in the next line, and nothing is cut off.

/// Columns of a line.
pub(crate) const WIDTH_MAX: usize = 100;

/// No column is made narrower than this to make room for others.
const COLUMN_MIN: usize = 8;

/// Between columns.
const GAP: usize = 2;

/// Rows of cells.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these words above its columns.
    pub(crate) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|word| (*word).to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }

    /// Whether there is nothing but the head.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The text, a line each.
    pub(crate) fn text(&self) -> String {
        let widths = widths(&self.rows);
        self.rows.iter().map(|row| lines(row, &widths)).collect()
    }
}

/// Names and values, one below the other.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> String {
    let mut table = Table::default();
    for (name, value) in pairs {
        table.row([(*name).to_owned(), value.clone()]);
    }
    table.text()
}

/// Without what would move the terminal's cursor or change its colours.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// How wide each column is: as its widest cell, and the widest ones narrower until a line fits.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width_of =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let mut widths: Vec<usize> = (0..columns).map(|column| width_of(column).unwrap_or(0)).collect();
    let room = WIDTH_MAX.saturating_sub(GAP * columns.saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let over = widths.iter().sum::<usize>() - room;
        let Some(widest) = widths.iter_mut().max() else { break };
        if *widest <= COLUMN_MIN {
            break;
        }
        *widest = widest.saturating_sub(over.div_ceil(2)).max(COLUMN_MIN);
    }
    widths
}

fn lines(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| wrapped(cell, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |number: usize| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            let part = cell.get(number).map_or("", String::as_str);
            line.push_str(&format!("{part:<width$}{:GAP$}", ""));
        }
        format!("{}\n", line.trim_end())
    };
    (0..height).map(line).collect()
}

/// The text in parts of at most so many characters, broken at spaces where there are some.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > width.max(1) {
        let space = rest.iter().take(width + 1).rposition(|c| *c == ' ').filter(|at| *at > 0);
        let at = space.unwrap_or(width.max(1));
        let behind = rest.split_off(at);
        parts.push(rest.iter().collect());
        rest = behind.into_iter().skip(usize::from(space.is_some())).collect();
    }
    parts.push(rest.iter().collect());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_spaces() {
        let mut table = Table::new(&["name", "state", ""]);
        table.row(["a".into(), "enabled".into(), String::new()]);
        table.row(["longer".into(), "x".into(), "é".into()]);
        assert_eq!(table.text(), "name    state\na       enabled\nlonger  x        é\n");
        assert!(!table.is_empty() && Table::new(&["a"]).is_empty());
    }

    #[test]
    fn no_line_is_too_wide_and_nothing_is_lost() {
        let mut table = Table::new(&["path", "reason", "n"]);
        let path = format!("/{}", "p".repeat(180));
        let reason = "word ".repeat(40);
        table.row([path.clone(), reason.trim().to_owned(), "12".into()]);
        let text = table.text();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH_MAX), "{text}");
        assert_eq!(text.matches('p').count(), 180 + 1, "{text}");
        assert_eq!(text.matches("word").count(), 40, "{text}");
    }

    #[test]
    fn what_a_server_says_does_not_move_the_terminal() {
        let mut table = Table::new(&["name"]);
        table.row(["a\u{1b}[31mb\nc".into()]);
        assert_eq!(table.text(), "name\na\u{fffd}[31mb\u{fffd}c\n");
    }

    #[test]
    fn text_is_broken_at_spaces_where_it_can_be() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("", 3), [""]);
        assert_eq!(wrapped("ab", 0), ["a", "b"]);
    }
}
