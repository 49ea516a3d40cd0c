//! A view of Rust source in which the content of strings, and of comments if wished, is blank.
//! The view has the same lines and the same columns (in characters), so that positions in it are positions in
//! the source. It is a lexer's work only: where source doesn't compile, the view may be off.

/// What the view leaves readable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Code alone.
    Code,
    /// Code and comments.
    CodeAndComments,
}

/// Makes the view.
pub(super) fn mask(text: &str, keep: Keep) -> String {
    let mut masker = Masker { chars: text.chars().collect(), at: 0, view: String::with_capacity(text.len()) };
    while let Some(c) = masker.peek(0) {
        match c {
            '/' if masker.peek(1) == Some('/') => masker.line_comment(keep),
            '/' if masker.peek(1) == Some('*') => masker.block_comment(keep),
            '"' => masker.string(),
            'r' if masker.raw_string_hashes().is_some() => masker.raw_string(),
            '\'' => masker.quote(),
            _ => masker.take(true),
        }
    }
    masker.view
}

struct Masker {
    chars: Vec<char>,
    at: usize,
    view: String,
}

impl Masker {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Moves one character on, readable or blank. A line end always stays.
    fn take(&mut self, readable: bool) {
        if let Some(c) = self.peek(0) {
            self.view.push(if readable || c == '\n' { c } else { ' ' });
            self.at += 1;
        }
    }

    fn line_comment(&mut self, keep: Keep) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.take(keep == Keep::CodeAndComments);
        }
    }

    fn block_comment(&mut self, keep: Keep) {
        let mut depth = 0;
        while let Some(c) = self.peek(0) {
            let pair = (c, self.peek(1));
            match pair {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {}
            }
            if matches!(pair, ('/', Some('*')) | ('*', Some('/'))) {
                self.take(keep == Keep::CodeAndComments);
            }
            self.take(keep == Keep::CodeAndComments);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.take(true);
        while let Some(c) = self.peek(0) {
            match c {
                '"' => return self.take(true),
                '\\' => {
                    self.take(false);
                    self.take(false);
                }
                _ => self.take(false),
            }
        }
    }

    /// How many hashes the raw string has that begins here, if one does. `br` and `cr` begin with their letter.
    fn raw_string_hashes(&self) -> Option<usize> {
        let before = self.at.checked_sub(1).and_then(|index| self.chars.get(index).copied());
        let prefixed = matches!(before, Some('b' | 'c'));
        if before.is_some_and(is_word) && !prefixed {
            return None;
        }
        let hashes = self.chars.iter().skip(self.at + 1).take_while(|c| **c == '#').count();
        (self.peek(1 + hashes) == Some('"')).then_some(hashes)
    }

    fn raw_string(&mut self) {
        let hashes = self.raw_string_hashes().unwrap_or(0);
        for _ in 0..hashes + 2 {
            self.take(true);
        }
        while let Some(c) = self.peek(0) {
            let closes = c == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if closes {
                for _ in 0..=hashes {
                    self.take(true);
                }
                return;
            }
            self.take(false);
        }
    }

    /// A character literal is blanked; a lifetime is code.
    fn quote(&mut self) {
        self.take(true);
        if self.peek(0) == Some('\\') {
            self.take(false);
            self.take(false);
            while self.peek(0).is_some_and(|c| c != '\'') {
                self.take(false);
            }
            self.take(true);
        } else if self.peek(1) == Some('\'') {
            self.take(false);
            self.take(true);
        }
    }
}

/// Whether a character may be part of a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        mask(text, Keep::Code)
    }

    #[test]
    fn comments_are_blank_or_kept_as_wished() {
        assert_eq!(code("a // b\nc"), "a     \nc");
        assert_eq!(mask("a // b\nc", Keep::CodeAndComments), "a // b\nc");
        assert_eq!(code("a /* b /* c */ d */ e"), "a                   e");
        assert_eq!(code("a /* b\n */ c"), "a     \n    c");
    }

    #[test]
    fn strings_are_blank_with_their_escapes() {
        assert_eq!(code(r#"f("a // \" b") + 1"#), r#"f("         ") + 1"#);
        assert_eq!(code(r##"f(r#"a " b"#, br"c")"##), r##"f(r#"     "#, br" ")"##);
        assert_eq!(code("for r in 0..1 { bar(\"x\") }"), "for r in 0..1 { bar(\" \") }");
    }

    #[test]
    fn character_literals_are_blank_and_lifetimes_are_not() {
        assert_eq!(code(r#"('"', '\'', '\u{41}', b'/')"#), r#"(' ', '  ', '      ', b' ')"#);
        assert_eq!(code("fn f<'a>(x: &'static str, y: &'a str)"), "fn f<'a>(x: &'static str, y: &'a str)");
    }

    #[test]
    fn what_is_cut_off_ends_quietly() {
        for text in ["\"a", "r#\"a", "/* a", "'", "'\\", "//"] {
            assert_eq!(code(text).chars().count(), text.chars().count(), "{text}");
        }
    }
}
