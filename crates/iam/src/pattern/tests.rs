//! Patterns against a model that tries everything.

use proptest::prelude::*;

use super::*;
use crate::condition::ContextKey;

const ALL: Syntax = Syntax { has_wildcards: true, has_variables: true };

fn pattern(source: &str) -> Pattern {
    Pattern::parse(source, ALL).unwrap()
}

fn is_match(source: &str, text: &str) -> bool {
    let mut context = Context::new();
    context.set(ContextKey::UserName, "bob");
    context.set(ContextKey::UserId, "a*c");
    pattern(source).matches(text, &context)
}

/// What a pattern means, as plainly as can be: slow where there are many `*`.
fn is_match_of_model(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), None) => is_match_of_model(rest, text),
        (Some(('*', rest)), Some((_, later))) => {
            is_match_of_model(rest, text) || is_match_of_model(pattern, later)
        }
        (Some((wanted, rest)), Some((char, later))) => {
            (*wanted == '?' || wanted == char) && is_match_of_model(rest, later)
        }
        _ => false,
    }
}

#[test]
fn stars_stand_for_any_text_and_question_marks_for_a_character() {
    for (source, text, expected) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("**", "any/thing:at all", true),
        ("a*", "a", true),
        ("a*a", "a", false),
        ("*/home/*", "b/home/", true),
        ("*/home/*", "b/home", false),
        ("a?c", "aéc", true),
        ("a?c", "ac", false),
        ("?", "", false),
        ("*?", "", false),
        ("*??*", "éé", true),
        ("*a?c*", "aabbaxcb", true),
        ("*a?c*x", "aabbaxcb", false),
        ("*a?c", "abcabc", true),
        ("b/*.jpg", "b/x.jpg.jpg", true),
        ("b/*.jpg", "b/x.jpg.png", false),
        ("B", "b", false),
    ] {
        assert_eq!(is_match(source, text), expected, "{source} {text}");
    }
}

#[test]
fn variables_stand_for_text() {
    for (source, text, expected) in [
        ("b/${aws:username}/*", "b/bob/x", true),
        ("b/${aws:username}/*", "b/eve/x", false),
        ("*/${aws:username}/*", "b/c/bob/x", true),
        ("*?${aws:username}?*", "b/bob/x", true),
        ("*${aws:username}*${aws:username}", "bobob", false),
        ("*${aws:username}*${aws:username}", "bobbob", true),
        ("${aws:userid}", "a*c", true),
        ("${aws:userid}", "abc", false),
        ("*${aws:userid}*", "xabcx", false),
        ("${*}${?}${$}", "*?$", true),
        ("${*}", "x", false),
        ("${aws:SourceIp}", "", false),
        ("*${aws:SourceIp}*", "", false),
        ("*?${aws:SourceIp}*", "x", false),
        ("${aws:SourceIp, 'here'}", "here", true),
        ("${aws:SourceIp, '*'}", "here", false),
        ("$aws:username", "$aws:username", true),
    ] {
        assert_eq!(is_match(source, text), expected, "{source} {text}");
    }
}

#[test]
fn before_2012_variables_are_text_and_without_wildcards_stars_are() {
    let old = Syntax { has_wildcards: true, has_variables: false };
    let context = Context::new();
    assert!(Pattern::parse("${aws:username}", old).unwrap().matches("${aws:username}", &context));
    assert!(Pattern::parse("${*}", old).unwrap().matches("${anything}", &context));
    let plain = Syntax { has_wildcards: false, has_variables: true };
    let stars = Pattern::parse("*?", plain).unwrap();
    assert!(stars.matches("*?", &context) && !stars.matches("ab", &context));
}

#[test]
fn a_variable_that_is_none_is_named() {
    for (source, named) in [("a${b}c", "${b}"), ("a${aws:username", "${aws:username"), ("${}", "${}")] {
        assert_eq!(Pattern::parse(source, ALL).unwrap_err(), named);
    }
}

#[test]
fn case_is_disregarded_where_asked() {
    let mut context = Context::new();
    let greeting = pattern("Grüß ${aws:username}");
    assert!(!greeting.equals_in_any_case("grüß ", &context));
    context.set(ContextKey::UserName, "BoB");
    assert!(greeting.equals_in_any_case("GRÜß bOb", &context));
    assert!(!greeting.equals_in_any_case("GRÜß bO", &context));
}

#[test]
fn what_could_match_is_told_from_what_could_not() {
    for (source, expected) in [
        ("b/*", true),
        ("*", true),
        ("b/x", true),
        ("?/x", true),
        ("${aws:username}/x", true),
        ("*/x", true),
        ("b", false),
        ("c/*", false),
        ("b?", true),
        ("b??", true),
        ("bb*", false),
    ] {
        assert_eq!(pattern(source).could_begin_with("b/"), expected, "{source}");
    }
}

/// With a wildcard match that goes back to every `*` this would run for longer than the universe is old; with one that goes
/// back to the last it would take 100 million steps.
#[test]
fn no_pattern_takes_long() {
    let text = "a".repeat(20_000);
    for source in
        ["a*".repeat(5_000) + "b", "*a?".repeat(3_000) + "b*b", format!("*{}b?*", "a?".repeat(5_000))]
    {
        assert!(!is_match(&source, &text));
    }
}

proptest! {
    #[test]
    fn matches_as_the_model(source in "[ab?*é]{0,9}", text in "[abé]{0,12}") {
        let chars = |text: &str| text.chars().collect::<Vec<char>>();
        prop_assert_eq!(is_match(&source, &text), is_match_of_model(&chars(&source), &chars(&text)));
    }

    #[test]
    fn what_matches_could_have_begun_so(source in "[ab?*]{0,9}", text in "[ab]{0,12}", cut in 0_usize..12) {
        let start = text.get(..cut).unwrap_or(&text);
        prop_assert!(!is_match(&source, &text) || pattern(&source).could_begin_with(start));
    }

    #[test]
    fn long_segments_are_found_over_the_edge_of_a_word(head in "[ab]{0,80}", inner in "[ab]{60,140}", tail in "[ab]{0,9}") {
        let text = format!("{head}x{inner}{tail}");
        let (wanted, other) = (format!("*?{inner}*"), format!("*?{inner}z*"));
        prop_assert!(is_match(&wanted, &text) && !is_match(&other, &text));
    }
}
