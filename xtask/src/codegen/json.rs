//! A JSON reader that keeps the order of an object's names: the order of members in AWS's model is the order of
//! elements in an answer. (serde_json keeps it only with a feature that would change it for the whole workspace.)

use std::fmt::Write as _;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        reader.skip_space();
        if reader.at == text.len() { Ok(value) } else { Err(reader.wrong("the end")) }
    }

    /// The member of that name, of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        self.entries().iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value)
    }

    /// The names and values of an object; empty for everything else.
    pub(super) fn entries(&self) -> &[(String, Json)] {
        match self {
            Self::Object(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; empty for everything else.
    pub(super) fn items(&self) -> &[Json] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The text of that name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Self::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether the name is there and true.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name) == Some(&Self::Bool(true))
    }

    /// Writes the document with an object of few members on one line, so that a diff shows what changed.
    pub(super) fn print(&self, depth: usize, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => out.push_str(number),
            Self::Text(text) => print_text(text, out),
            Self::List(items) => print_list(items, out),
            Self::Object(entries) => print_object(entries, depth, out),
        }
    }
}

fn print_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

fn print_list(items: &[Json], out: &mut String) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        item.print(usize::MAX, out);
    }
    out.push(']');
}

fn print_object(entries: &[(String, Json)], depth: usize, out: &mut String) {
    let is_plain = |value: &Json| value.entries().is_empty();
    let one_line = depth == usize::MAX || entries.iter().all(|(_, value)| is_plain(value));
    let inner = if one_line { usize::MAX } else { depth + 1 };
    let space = if one_line { String::new() } else { format!("\n{}", " ".repeat(inner)) };
    out.push('{');
    for (index, (name, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push_str(if one_line { ", " } else { "," });
        }
        out.push_str(&space);
        print_text(name, out);
        out.push_str(": ");
        value.print(inner, out);
    }
    if !one_line {
        out.push('\n');
        out.push_str(&" ".repeat(depth));
    }
    out.push('}');
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Json, String> {
        self.skip_space();
        match self.peek() {
            Some('{') => self.object(),
            Some('[') => self.list(),
            Some('"') => self.string().map(Json::Text),
            Some('t') => self.word("true", Json::Bool(true)),
            Some('f') => self.word("false", Json::Bool(false)),
            Some('n') => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Result<Json, String> {
        let mut entries = Vec::new();
        self.expect('{')?;
        while !self.take('}') {
            if !entries.is_empty() {
                self.expect(',')?;
            }
            self.skip_space();
            let name = self.string()?;
            self.expect(':')?;
            entries.push((name, self.value()?));
        }
        Ok(Json::Object(entries))
    }

    fn list(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        self.expect('[')?;
        while !self.take(']') {
            if !items.is_empty() {
                self.expect(',')?;
            }
            items.push(self.value()?);
        }
        Ok(Json::List(items))
    }

    fn string(&mut self) -> Result<String, String> {
        self.expect('"')?;
        let mut text = String::new();
        loop {
            match self.next()? {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        Ok(match self.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let digits = self.text.get(self.at..self.at + 4);
                let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                let code = code.ok_or_else(|| self.wrong("four hexadecimal digits"))?;
                self.at += 4;
                // Half of a pair cannot be shown; the model has none.
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => other,
        })
    }

    fn number(&mut self) -> Result<Json, String> {
        let rest = &self.text[self.at..];
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.wrong("a value"));
        }
        self.at += length;
        Ok(Json::Number(rest[..length].to_string()))
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, String> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.wrong(word))
        }
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Result<char, String> {
        let character = self.peek().ok_or_else(|| self.wrong("more text"))?;
        self.at += character.len_utf8();
        Ok(character)
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let there = self.peek() == Some(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.take(wanted) { Ok(()) } else { Err(self.wrong(&format!("`{wanted}`"))) }
    }

    fn wrong(&self, wanted: &str) -> String {
        format!("the service model is no JSON: {wanted} expected at byte {}", self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_reads_back_in_order() {
        let text = r#"{"b": {"y": [1, -2.5e3, "a\"\\\u0041\n"], "x": {"deep": {}}}, "a": [true, null]}"#;
        let value = Json::parse(text).unwrap();
        let names: Vec<&str> = value.entries().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        let mut printed = String::new();
        value.print(0, &mut printed);
        assert_eq!(Json::parse(&printed), Ok(value));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "[1,]", "{\"a\" 1}", "tru", "\"a", "1 2"] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }
}
