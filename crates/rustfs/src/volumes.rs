//! What `<VOLUMES>` means: folders, one per drive, with ranges such as `{1...4}` written out. Pure.
//!
//! Always: the order is the one in which the folders were given, the last range of a word turning fastest; nothing is
//! looked up on a drive.

use std::path::{Component, Path, PathBuf};

use thiserror::Error;

/// Most values of one range, and most drives of one server.
pub const DRIVES_MAX: usize = 10_000;

/// What is wrong with the volumes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VolumeError {
    /// None were given.
    #[error(
        "no drives were given: name at least one folder, as in `rustfs server /data` or `rustfs server /data{{1...4}}`, \
         or set RUSTFS_VOLUMES"
    )]
    None,
    /// A URL.
    #[error(
        "{word} is a URL: clusters of several machines come with a later release. Name the folders of this machine, as in /data{{1...4}}"
    )]
    Url {
        /// As it was given.
        word: String,
    },
    /// An empty word.
    #[error("one of the volumes is empty: name a folder, as in /data")]
    Empty,
    /// Braces that make no range.
    #[error(
        "{word}: {{{range}}} is not a range: write two numbers with three dots between them, as in {{1...4}}"
    )]
    NoRange {
        /// As it was given.
        word: String,
        /// What is between the braces.
        range: String,
    },
    /// A brace without its other half.
    #[error("{word} has a brace without its other half: a range is written {{1...4}}")]
    Unbalanced {
        /// As it was given.
        word: String,
    },
    /// A range that goes down.
    #[error("{word}: {{{range}}} ends before it begins: write the smaller number first")]
    Descending {
        /// As it was given.
        word: String,
        /// What is between the braces.
        range: String,
    },
    /// Too many.
    #[error("{word} makes more than {DRIVES_MAX} drives, which is the most that one server takes")]
    TooMany {
        /// As it was given.
        word: String,
    },
}

/// Writes the words out as absolute paths; `here` is where relative ones begin.
///
/// # Errors
/// Where a word is not a folder or a range of folders.
pub fn expand(words: &[String], here: &Path) -> Result<Vec<PathBuf>, VolumeError> {
    if words.is_empty() {
        return Err(VolumeError::None);
    }
    let mut paths = Vec::new();
    for word in words {
        check_word(word)?;
        for written in expand_word(word)? {
            paths.push(absolute(Path::new(&written), here));
        }
        if paths.len() > DRIVES_MAX {
            return Err(VolumeError::TooMany { word: word.clone() });
        }
    }
    Ok(paths)
}

fn check_word(word: &str) -> Result<(), VolumeError> {
    if word.is_empty() {
        return Err(VolumeError::Empty);
    }
    if word.contains("://") {
        return Err(VolumeError::Url { word: word.to_owned() });
    }
    Ok(())
}

fn expand_word(word: &str) -> Result<Vec<String>, VolumeError> {
    let mut written = vec![String::new()];
    let mut rest = word;
    while let Some(open) = rest.find(['{', '}']) {
        let (text, from) = rest.split_at(open);
        let unbalanced = || VolumeError::Unbalanced { word: word.to_owned() };
        let inner = from.strip_prefix('{').ok_or_else(unbalanced)?;
        let (range, after) = inner.split_once('}').ok_or_else(unbalanced)?;
        let values = Range::parse(word, range)?.values();
        if written.len() * values.len() > DRIVES_MAX {
            return Err(VolumeError::TooMany { word: word.to_owned() });
        }
        written = written
            .iter()
            .flat_map(|head| values.iter().map(move |value| format!("{head}{text}{value}")))
            .collect();
        rest = after;
    }
    Ok(written.into_iter().map(|head| head + rest).collect())
}

/// `first...last`, decimal, or hexadecimal where a letter occurs. Values are as wide as the first one is written where
/// that begins with a zero.
struct Range {
    first: u64,
    last: u64,
    width: usize,
    hexadecimal: bool,
}

impl Range {
    fn parse(word: &str, range: &str) -> Result<Self, VolumeError> {
        let no_range = || VolumeError::NoRange { word: word.to_owned(), range: range.to_owned() };
        let (from, to) = range.split_once("...").ok_or_else(no_range)?;
        let is_number = |text: &str| {
            (1..=16).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        if !is_number(from) || !is_number(to) {
            return Err(no_range());
        }
        let hexadecimal = [from, to].iter().any(|text| text.bytes().any(|digit| digit.is_ascii_alphabetic()));
        let radix = if hexadecimal { 16 } else { 10 };
        let first = u64::from_str_radix(from, radix).map_err(|_| no_range())?;
        let last = u64::from_str_radix(to, radix).map_err(|_| no_range())?;
        if first > last {
            return Err(VolumeError::Descending { word: word.to_owned(), range: range.to_owned() });
        }
        if last - first >= DRIVES_MAX as u64 {
            return Err(VolumeError::TooMany { word: word.to_owned() });
        }
        let width = if from.starts_with('0') { from.len() } else { 0 };
        Ok(Range { first, last, width, hexadecimal })
    }

    fn values(&self) -> Vec<String> {
        let width = self.width;
        (self.first..=self.last)
            .map(|value| match self.hexadecimal {
                true => format!("{value:0width$x}"),
                false => format!("{value:0width$}"),
            })
            .collect()
    }
}

/// Without `.`, `..` and doubled slashes, so that one folder has one name. Symbolic links stay as they are.
fn absolute(path: &Path, here: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in here.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(words: &str) -> Result<Vec<String>, VolumeError> {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let paths = expand(&words, Path::new("/here"))?;
        Ok(paths.iter().map(|path| path.display().to_string()).collect())
    }

    #[test]
    fn words_become_folders() {
        let table: &[(&str, &[&str])] = &[
            ("/data", &["/data"]),
            ("/data/", &["/data"]),
            ("./data", &["/here/data"]),
            ("data", &["/here/data"]),
            ("../a//b/./c", &["/a/b/c"]),
            ("/a /b", &["/a", "/b"]),
            ("/data{1...4}", &["/data1", "/data2", "/data3", "/data4"]),
            ("/d{9...11}", &["/d9", "/d10", "/d11"]),
            ("/d{08...11}", &["/d08", "/d09", "/d10", "/d11"]),
            ("/d{01...2}", &["/d01", "/d02"]),
            ("/d{0...1}", &["/d0", "/d1"]),
            ("/d{7...7}/x", &["/d7/x"]),
            ("/d{9...b}", &["/d9", "/da", "/db"]),
            ("/d{0e...10}", &["/d0e", "/d0f", "/d10"]),
            ("/r{1...2}/d{1...2}/s", &["/r1/d1/s", "/r1/d2/s", "/r2/d1/s", "/r2/d2/s"]),
            ("/a{1...2} /b{3...4}", &["/a1", "/a2", "/b3", "/b4"]),
        ];
        for (given, wanted) in table {
            assert_eq!(expanded(given).unwrap(), *wanted, "{given}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for word in [
            "/d{1..4}",
            "/d{1,2}",
            "/d{}",
            "/d{1...}",
            "/d{...4}",
            "/d{-1...4}",
            "/d{x...z}",
            "/d{1...2...3}",
        ] {
            assert!(matches!(expanded(word), Err(VolumeError::NoRange { .. })), "{word}");
        }
        for word in ["/d{1...4", "/d1...4}", "}{", "/d{1...{2}}"] {
            let found = expanded(word);
            assert!(
                matches!(found, Err(VolumeError::Unbalanced { .. } | VolumeError::NoRange { .. })),
                "{word}: {found:?}"
            );
        }
        assert!(matches!(expanded("/d{4...1}"), Err(VolumeError::Descending { .. })));
        assert_eq!(expanded(""), Err(VolumeError::Empty));
        assert_eq!(expand(&[], Path::new("/")), Err(VolumeError::None));
    }

    #[test]
    fn a_range_has_at_most_ten_thousand_values() {
        assert_eq!(expanded("/d{1...10000}").unwrap().len(), 10_000);
        for word in ["/d{0...10000}", "/d{1...101}/e{1...100}", "/d{1...9999} /e{1...2}"] {
            assert!(matches!(expanded(word), Err(VolumeError::TooMany { .. })), "{word}");
        }
    }

    #[test]
    fn several_machines_are_announced_for_later() {
        let error = expanded("http://node{1...4}:9000/data").unwrap_err();
        assert!(
            error.to_string().contains("clusters of several machines come with a later release"),
            "{error}"
        );
    }
}
