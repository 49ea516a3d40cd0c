//! Texts with wildcards and variables.
//!
//! Always true: the time of a match grows with the text and the pattern, not with their product, however many `*` there
//! are. What stands between two `*` is searched for once, from where the piece before was found; the leftmost place is as
//! good as any. Pieces without `?` are searched for as text, those with `?` by a bit for each of their characters.
//!
//! A text is matched as characters: `?` is one character, of however many bytes.

use crate::context::Context;
use crate::variable::Variable;

/// A text with wildcards and variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// What stands between the `*`: without any, one segment. Those in the middle are not empty.
    segments: Box<[Segment]>,
}

/// What has a meaning of its own in a pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    /// Whether `*` and `?` are wildcards.
    pub(crate) has_wildcards: bool,
    /// Whether `${..}` is a variable: since version 2012-10-17 of the language.
    pub(crate) has_variables: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    pieces: Box<[Piece]>,
    /// How to find it in the midst of a text, where that can be prepared.
    search: Option<BitSearch>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// `?`.
    One,
    Variable(Variable),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The variable that is none.
    pub(crate) fn parse(source: &str, syntax: Syntax) -> Result<Self, String> {
        let mut parser = PatternParser::default();
        let mut rest = source;
        while let Some(next) = rest.chars().next() {
            let special = rest.strip_prefix("${").filter(|_| syntax.has_variables);
            rest = match (next, special) {
                (_, Some(inner)) => parser.variable(inner)?,
                ('*', None) if syntax.has_wildcards => parser.many(rest),
                ('?', None) if syntax.has_wildcards => parser.one(rest),
                _ => parser.text(next, rest),
            };
        }
        Ok(Self { segments: parser.finish() })
    }

    /// Whether a text is what the pattern describes. Never, where a variable has no value.
    pub(crate) fn matches(&self, text: &str, context: &Context<'_>) -> bool {
        let Some((first, others)) = self.segments.split_first() else { return text.is_empty() };
        let Some(mut rest) = first.after_start(text, context) else { return false };
        let Some((last, middle)) = others.split_last() else { return rest.is_empty() };
        for segment in middle {
            match segment.after_first(rest, context) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        last.is_end_of(rest, context)
    }

    /// As [`Pattern::matches`] without wildcards, and without regard to case.
    pub(crate) fn equals_in_any_case(&self, text: &str, context: &Context<'_>) -> bool {
        let mut whole = String::new();
        let pieces = self.segments.iter().flat_map(|segment| &segment.pieces);
        for piece in pieces {
            match piece.text(context) {
                Some(text) => whole.push_str(text),
                None => return false,
            }
        }
        is_equal_in_any_case(&whole, text)
    }

    /// Whether all its variables have values.
    pub(crate) fn is_resolved(&self, context: &Context<'_>) -> bool {
        let mut pieces = self.segments.iter().flat_map(|segment| &segment.pieces);
        pieces.all(|piece| !matches!(piece, Piece::Variable(variable) if variable.value(context).is_none()))
    }

    /// Whether some text that begins so could match, whatever the variables stand for.
    pub(crate) fn could_begin_with(&self, start: &str) -> bool {
        self.places_after(start).contains(&true)
    }

    /// Whether this text could match, whatever the variables stand for.
    pub(crate) fn could_be(&self, text: &str) -> bool {
        self.places_after(text).last() == Some(&true)
    }

    /// Where in the pattern one may stand behind a text. Only for short texts: it tries all places side by side.
    fn places_after(&self, start: &str) -> Vec<bool> {
        let steps = self.steps();
        let mut places = vec![false; steps.len() + 1];
        reach(&mut places, 0, &steps);
        for char in start.chars() {
            let mut next = vec![false; places.len()];
            for at in (0..steps.len()).filter(|at| places[*at]) {
                match steps[at] {
                    Step::Any => reach(&mut next, at, &steps),
                    Step::Char(wanted) if wanted.is_none_or(|wanted| wanted == char) => {
                        reach(&mut next, at + 1, &steps);
                    }
                    Step::Char(_) => {}
                }
            }
            places = next;
        }
        places
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            if number > 0 {
                steps.push(Step::Any);
            }
            for piece in &segment.pieces {
                match piece {
                    Piece::Text(text) => steps.extend(text.chars().map(|char| Step::Char(Some(char)))),
                    Piece::One => steps.push(Step::Char(None)),
                    Piece::Variable(_) => steps.push(Step::Any),
                }
            }
        }
        steps
    }
}

/// A pattern by single characters.
#[derive(Clone, Copy)]
enum Step {
    Any,
    Char(Option<char>),
}

/// Marks a place, and those that follow from it without a character.
fn reach(places: &mut [bool], from: usize, steps: &[Step]) {
    let mut at = from;
    loop {
        places[at] = true;
        match steps.get(at) {
            Some(Step::Any) => at += 1,
            _ => return,
        }
    }
}

/// Whether two texts are equal but for case.
pub(crate) fn is_equal_in_any_case(one: &str, other: &str) -> bool {
    one.chars().flat_map(char::to_lowercase).eq(other.chars().flat_map(char::to_lowercase))
}

#[derive(Default)]
struct PatternParser {
    segments: Vec<Segment>,
    pieces: Vec<Piece>,
    text: String,
}

impl PatternParser {
    /// Each of these takes what stands at the start of the rest, and gives what is left.
    fn text<'t>(&mut self, next: char, rest: &'t str) -> &'t str {
        self.text.push(next);
        rest.get(next.len_utf8()..).unwrap_or_default()
    }

    fn one<'t>(&mut self, rest: &'t str) -> &'t str {
        self.flush();
        self.pieces.push(Piece::One);
        rest.get(1..).unwrap_or_default()
    }

    fn many<'t>(&mut self, rest: &'t str) -> &'t str {
        self.end_segment();
        rest.get(1..).unwrap_or_default()
    }

    fn variable<'t>(&mut self, inner: &'t str) -> Result<&'t str, String> {
        let Some((name, rest)) = inner.split_once('}') else {
            return Err(format!("${{{inner}"));
        };
        match name {
            "*" | "?" | "$" => self.text.push_str(name),
            _ => {
                let variable = Variable::parse(name).ok_or_else(|| format!("${{{name}}}"))?;
                self.flush();
                self.pieces.push(Piece::Variable(variable));
            }
        }
        Ok(rest)
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Text(std::mem::take(&mut self.text).into()));
        }
    }

    fn end_segment(&mut self) {
        self.flush();
        let pieces = std::mem::take(&mut self.pieces);
        let is_middle = !self.segments.is_empty();
        if !(pieces.is_empty() && is_middle) {
            self.segments.push(Segment::new(pieces));
        }
    }

    fn finish(mut self) -> Box<[Segment]> {
        self.flush();
        let last = std::mem::take(&mut self.pieces);
        self.segments.push(Segment::new(last));
        self.segments.into()
    }
}

impl Segment {
    fn new(pieces: Vec<Piece>) -> Self {
        let has_one = pieces.contains(&Piece::One);
        let is_fixed = !pieces.iter().any(|piece| matches!(piece, Piece::Variable(_)));
        let pieces: Box<[Piece]> = pieces.into();
        let search = (has_one && is_fixed).then(|| BitSearch::new(&pieces, &Context::new())).flatten();
        Self { pieces, search }
    }

    /// What stands behind it, where the text begins with it.
    fn after_start<'t>(&self, text: &'t str, context: &Context<'_>) -> Option<&'t str> {
        self.pieces.iter().try_fold(text, |rest, piece| match piece {
            Piece::One => {
                let mut chars = rest.chars();
                chars.next().map(|_| chars.as_str())
            }
            other => rest.strip_prefix(other.text(context)?),
        })
    }

    fn is_end_of(&self, text: &str, context: &Context<'_>) -> bool {
        let before = self.pieces.iter().rev().try_fold(text, |rest, piece| match piece {
            Piece::One => {
                let mut chars = rest.chars();
                chars.next_back().map(|_| chars.as_str())
            }
            other => rest.strip_suffix(other.text(context)?),
        });
        before.is_some()
    }

    /// What stands behind the first place where it is.
    fn after_first<'t>(&self, text: &'t str, context: &Context<'_>) -> Option<&'t str> {
        match (&self.search, &*self.pieces) {
            (Some(search), _) => search.after_first(text),
            (None, [piece @ (Piece::Text(_) | Piece::Variable(_))]) => behind(text, piece.text(context)?),
            (None, pieces) if pieces.contains(&Piece::One) => {
                BitSearch::new(pieces, context)?.after_first(text)
            }
            (None, pieces) => {
                let needle = pieces.iter().map(|piece| piece.text(context)).collect::<Option<String>>()?;
                behind(text, &needle)
            }
        }
    }
}

/// What is compared at every place of a text costs less than to prepare a search, as long as it is so short.
const SHORT_BYTES_MAX: usize = 16;

/// What stands behind the first place of a needle.
fn behind<'t>(text: &'t str, needle: &str) -> Option<&'t str> {
    let at = match needle.len() {
        0 => Some(0),
        1..=SHORT_BYTES_MAX => {
            text.as_bytes().windows(needle.len()).position(|window| window == needle.as_bytes())
        }
        _ => text.find(needle),
    };
    text.get(at? + needle.len()..)
}

impl Piece {
    /// The text that it stands for; none if it has none.
    fn text<'p>(&'p self, context: &'p Context<'_>) -> Option<&'p str> {
        match self {
            Self::Text(text) => Some(text),
            Self::One => None,
            Self::Variable(variable) => variable.value(context),
        }
    }
}

/// Searches for characters of which some may be any, looking at each character of the text once: bit `n` of the state
/// tells whether the last `n + 1` characters are the first ones of what is searched for (Baeza-Yates and Gonnet's
/// Shift-And).
#[derive(Clone, Debug, PartialEq, Eq)]
struct BitSearch {
    length: usize,
    /// Where any character may stand.
    any: Box<[u64]>,
    /// Where each character may stand, by character.
    masks: Box<[(char, Box<[u64]>)]>,
}

const WORD_BITS: usize = u64::BITS as usize;

impl BitSearch {
    /// For pieces; none if one has no value.
    fn new(pieces: &[Piece], context: &Context<'_>) -> Option<Self> {
        let mut wanted: Vec<Option<char>> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::One => wanted.push(None),
                other => wanted.extend(other.text(context)?.chars().map(Some)),
            }
        }
        let places = |wants: &dyn Fn(Option<char>) -> bool| {
            let mut words = vec![0; wanted.len().div_ceil(WORD_BITS)];
            for place in (0..wanted.len()).filter(|place| wants(wanted[*place])) {
                words[place / WORD_BITS] |= 1 << (place % WORD_BITS);
            }
            words.into_boxed_slice()
        };
        let mut chars: Vec<char> = wanted.iter().flatten().copied().collect();
        chars.sort_unstable();
        chars.dedup();
        let mask = |char: char| (char, places(&|wanted| wanted.is_none_or(|wanted| wanted == char)));
        let masks = chars.into_iter().map(mask).collect();
        Some(Self { length: wanted.len(), any: places(&|wanted| wanted.is_none()), masks })
    }

    /// What stands behind the first place where it is.
    fn after_first<'t>(&self, text: &'t str) -> Option<&'t str> {
        let last = self.length.checked_sub(1)?;
        let mut state = vec![0; self.any.len()];
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            self.step(&mut state, char);
            if state[last / WORD_BITS] >> (last % WORD_BITS) & 1 == 1 {
                return Some(chars.as_str());
            }
        }
        None
    }

    fn step(&self, state: &mut [u64], char: char) {
        let found = self.masks.binary_search_by_key(&char, |(known, _)| *known);
        let mask = found.ok().and_then(|at| self.masks.get(at)).map_or(&self.any, |(_, mask)| mask);
        let mut carried = 1;
        for (word, mask) in state.iter_mut().zip(mask) {
            let next = (*word << 1 | carried) & mask;
            carried = *word >> (WORD_BITS - 1);
            *word = next;
        }
    }
}

#[cfg(test)]
mod tests;
