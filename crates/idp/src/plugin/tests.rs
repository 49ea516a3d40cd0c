//! A hook of this process: what its answers make of a token.

use bytes::Bytes;
use env::simulated::Simulation;
use parking_lot::Mutex;

use super::*;
use crate::web::WebFault;

/// A hook that answers this, and what it was asked.
struct FakeHook {
    answer: Option<(u16, String)>,
    asked: Mutex<Vec<Question>>,
}

impl Web for FakeHook {
    fn get<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> BoxFuture<'a, Result<Bytes, WebFault>> {
        Box::pin(async { Err(WebFault("a hook is not read".to_owned())) })
    }

    fn post<'a>(
        &'a self,
        url: &'a str,
        authorization: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(u16, Bytes), WebFault>> {
        self.asked.lock().push((url.to_owned(), authorization.map(str::to_owned)));
        let answer = self.answer.clone().map(|(status, body)| (status, Bytes::from(body)));
        Box::pin(async { answer.ok_or_else(|| WebFault("it is down".to_owned())) })
    }
}

fn options() -> PluginOptions {
    PluginOptions {
        url: "https://hook.test/look".to_owned(),
        authorization: Some("Bearer ours".to_owned()),
        role_id: Some("hook".to_owned()),
        role_policies: vec!["readonly".to_owned()],
    }
}

/// An address that was asked, and what was sent as `Authorization`.
type Question = (String, Option<String>);

/// What becomes of a token that the hook answers like this, and what it was asked.
fn vouch(token: &str, answer: Option<(u16, &str)>) -> (Result<Federated, ProviderFault>, Vec<Question>) {
    let run = async |env: env::Env| {
        let answer = answer.map(|(status, body)| (status, body.to_owned()));
        let hook = Arc::new(FakeHook { answer, asked: Mutex::default() });
        let web: Arc<dyn Web> = Arc::<FakeHook>::clone(&hook);
        let provider = PluginProvider::new(options(), web, env.clock);
        let vouched = provider.vouch(Proof::CustomToken(token)).await;
        let asked = hook.asked.lock().clone();
        (vouched, asked)
    };
    Simulation::new(1).run(run).finished()
}

#[test]
fn whom_the_hook_knows_gets_the_policies_of_the_settings() {
    let body =
        r#"{"user":"alice","maxValiditySeconds":3600,"claims":{"groups":["a","b"],"policy":"consoleAdmin"}}"#;
    let (who, asked) = vouch("a/b &c", Some((200, body)));
    let who = who.unwrap();
    assert_eq!((who.provider.as_str(), who.subject.as_str()), ("plugin", "alice"));
    assert_eq!(who.policies, ["readonly"], "a claim gives nothing");
    assert_eq!(who.claim("jwt:groups"), Some("a"));
    assert!(who.expires.is_some());
    let address = "https://hook.test/look?token=a%2Fb%20%26c".to_owned();
    assert_eq!(asked, [(address, Some("Bearer ours".to_owned()))]);
}

#[test]
fn whom_the_hook_does_not_know_is_told_why() {
    let (refused, _) = vouch("t", Some((403, "{\"reason\":\"no such\\ntoken\"}")));
    assert_eq!(refused, Err(ProviderFault::Rejected { reason: "no suchtoken".to_owned() }));
    let (refused, _) = vouch("t", Some((403, "not JSON")));
    assert_eq!(refused, Err(ProviderFault::Rejected { reason: String::new() }));
}

#[test]
fn a_hook_that_answers_something_else_vouches_for_nobody() {
    let twice = r#"{"user":"alice","maxValiditySeconds":900,"claims":{"a":1,"a":2}}"#;
    let answers =
        [None, Some((200, "")), Some((200, r#"{"user":"alice"}"#)), Some((200, twice)), Some((500, "{}"))];
    for answer in answers {
        assert_eq!(vouch("t", answer).0, Err(ProviderFault::Unreachable), "{answer:?}");
    }
    let (refused, asked) = vouch(&"t".repeat(TOKEN_BYTES_MAX + 1), None);
    assert!(matches!(refused, Err(ProviderFault::Invalid { .. })) && asked.is_empty());
}

#[test]
fn nothing_secret_is_shown_and_the_role_is_minios() {
    let shown = format!("{:?}", options());
    assert!(!shown.contains("ours") && !shown.contains("hook.test"), "{shown}");
    assert_eq!(options().role_arn(), "arn:minio:iam:::role/idmp-hook");
    let unnamed = PluginOptions { role_id: None, ..options() }.role_arn();
    assert!(unnamed.starts_with("arn:minio:iam:::role/idmp-") && unnamed.len() == 26 + 27, "{unnamed}");
}
