//! Files that words and variables name: keys, policies, certificates; `-` is stdin. Each is read up to a limit.

use std::io::{self, BufRead, Read};
use std::path::Path;

use env::Env;
use tokio::runtime::Handle;

/// A file with a key is read up to here.
const KEY_FILE_BYTES_MAX: usize = 4096;

/// Any other.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// The text of a file that holds a key.
pub(crate) fn read_key_file(env: &Env, runtime: &Handle, path: &Path) -> io::Result<String> {
    text(&runtime.block_on(env::read_file(&*env.disk, path, KEY_FILE_BYTES_MAX))?)
}

/// What the words of a command name.
pub(crate) struct InputFiles<'a> {
    pub(crate) env: &'a Env,
    pub(crate) runtime: &'a Handle,
}

impl InputFiles<'_> {
    /// The first line of a file, or the next one of stdin.
    pub(crate) fn line(&self, path: &Path) -> io::Result<String> {
        let text = match path == Path::new("-") {
            true => line(io::stdin().lock())?,
            false => read_key_file(self.env, self.runtime, path)?,
        };
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }

    /// All of a file, or what is left of stdin.
    pub(crate) fn text(&self, path: &Path) -> io::Result<String> {
        match path == Path::new("-") {
            true => rest(io::stdin().lock()),
            false => text(&self.runtime.block_on(env::read_file(&*self.env.disk, path, TEXT_BYTES_MAX))?),
        }
    }
}

fn line(from: impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    // One byte more than may be: so a longer one is known.
    from.take(KEY_FILE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line)?;
    bounded(&line, KEY_FILE_BYTES_MAX)
}

fn rest(from: impl Read) -> io::Result<String> {
    let mut all = Vec::new();
    from.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut all)?;
    bounded(&all, TEXT_BYTES_MAX)
}

fn bounded(bytes: &[u8], bytes_max: usize) -> io::Result<String> {
    match bytes.len() > bytes_max {
        true => Err(io::Error::other(format!("it is longer than {bytes_max} bytes"))),
        false => text(bytes),
    }
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| io::Error::other("it is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_it_ends_and_the_rest_is_left() {
        let mut input: &[u8] = b"first\nsecond\nthird";
        assert_eq!(line(&mut input).unwrap(), "first\n");
        assert_eq!(line(&mut input).unwrap(), "second\n");
        assert_eq!(rest(&mut input).unwrap(), "third");
        assert_eq!(line(&mut input).unwrap(), "");
    }

    #[test]
    fn what_is_too_long_or_no_text_is_refused() {
        let long = vec![b'a'; KEY_FILE_BYTES_MAX + 1];
        assert!(line(&long[..]).is_err() && line(&long[1..]).is_ok());
        assert!(rest(&vec![b'a'; TEXT_BYTES_MAX + 1][..]).is_err());
        assert!(line(&b"\xff\n"[..]).is_err());
    }
}
