//! Which names a piece of generated code uses: an import too many is a warning, one too few an error.

use std::collections::BTreeSet;

/// The identifiers of generated code, outside of comments and texts.
pub(super) struct Identifiers<'a>(BTreeSet<&'a str>);

impl<'a> Identifiers<'a> {
    /// Of the code.
    pub(super) fn of(code: &'a str) -> Self {
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        // Generated texts hold no quotation marks: every second piece is a text.
        let pieces = lines.flat_map(|line| line.split('"').step_by(2));
        let is_other = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        Self(pieces.flat_map(|piece| piece.split(is_other)).collect())
    }

    /// Whether the code uses the name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// `use path::{names that are used};`, or nothing.
    pub(super) fn import(&self, path: &str, names: &[&str]) -> String {
        let used: Vec<&str> = names.iter().copied().filter(|name| self.has(name)).collect();
        if used.is_empty() { String::new() } else { format!("use {path}::{{{}}};\n", used.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::Identifiers;

    #[test]
    fn comments_and_texts_do_not_count() {
        let code = "// Alpha\nlet x: Beta = \"Gamma\".into(); // not at the start of a line: Delta\nEpsilon::<Zeta_1>()";
        let identifiers = Identifiers::of(code);
        assert_eq!(identifiers.import("a::b", &["Alpha", "Beta", "Gamma"]), "use a::b::{Beta};\n");
        assert!(identifiers.has("Epsilon") && identifiers.has("Zeta_1") && !identifiers.has("Zeta"));
        assert_eq!(identifiers.import("a", &["Alpha"]), "");
    }
}
