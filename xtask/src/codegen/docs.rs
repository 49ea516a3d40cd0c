//! The model's HTML documentation as one line of ours.

/// How long a line may get, in characters.
const LENGTH_MAX: usize = 110;

/// The first sentence without markup, shortened; empty if there is none.
pub(super) fn first_sentence(html: &str) -> String {
    let text = without_blocks(html, "<note>", "</note>");
    let text = without_blocks(&text, "<important>", "</important>");
    let text = without_tags(&text);
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let end = text.find(". ").unwrap_or(text.len());
    let sentence = text[..end].trim_end_matches(['.', ':']);
    shorten(sentence)
}

fn shorten(sentence: &str) -> String {
    if sentence.is_empty() {
        return String::new();
    }
    if sentence.chars().count() <= LENGTH_MAX {
        return format!("{sentence}.");
    }
    let cut: String = sentence.chars().take(LENGTH_MAX).collect();
    let end = cut.rfind(' ').unwrap_or(cut.len());
    format!("{} ...", cut[..end].trim_end_matches([',', ';', '(']))
}

fn without_blocks(html: &str, open: &str, close: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some((before, behind)) = rest.split_once(open) {
        out.push_str(before);
        rest = behind.split_once(close).map_or("", |(_, behind)| behind);
    }
    out.push_str(rest);
    out
}

fn without_tags(html: &str) -> String {
    let mut out = String::new();
    let mut in_tag = false;
    for character in html.chars() {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                out.push(' ');
            }
            other if !in_tag => out.push(other),
            _ => {}
        }
    }
    // A tag before a comma or a full stop must not leave a space there.
    out.replace(" .", ".").replace(" ,", ",")
}

/// The lines of a doc comment for the text, or for the fallback where there is none.
pub(super) fn comment(indent: &str, text: &str, fallback: &str) -> String {
    let text = if text.is_empty() { fallback } else { text };
    // What rustdoc would take for a link or for HTML.
    let text = text.replace('[', "(").replace(']', ")").replace('<', "(").replace('>', ")");
    format!("{indent}/// {text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_comes_without_markup() {
        let html = "<note> <p>Not for directory buckets.</p> </note> <p>The <code>tag-set</code>, \
                    if any. See more.</p>";
        assert_eq!(first_sentence(html), "The tag-set, if any.");
        assert_eq!(first_sentence(""), "");
    }

    #[test]
    fn a_long_sentence_is_cut_between_words() {
        let long = first_sentence(&"word ".repeat(60));
        assert!(long.len() <= LENGTH_MAX + 4 && long.ends_with("word ..."), "{long}");
    }
}
