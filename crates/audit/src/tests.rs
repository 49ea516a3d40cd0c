//! Targets from outside: files that are rotated, torn, cut off, full; a webhook that fails and returns.

use std::path::Path;

use http::HeaderMap;
use model::time::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::folder::{END_NOTE, end_note, files};

fn env() -> Env {
    env::real::env(&tokio::runtime::Handle::current())
}

fn outbound(env: &Env) -> Outbound {
    Outbound::new(env, &outbound::Trust::new(&[], None).unwrap())
}

fn file(folder: &Path) -> FileOptions {
    FileOptions { folder: folder.to_owned(), file_bytes: 1 << 20, files_max: 10, queue_entries: 1000 }
}

async fn opened(options: AuditOptions) -> Audit {
    let env = env();
    Audit::open(&env, &outbound(&env), options, "store").await.unwrap()
}

async fn to_file(options: FileOptions) -> Audit {
    opened(AuditOptions { file: Some(options), webhooks: Vec::new() }).await
}

fn record(audit: &Audit, object: &str) {
    let headers = HeaderMap::new();
    audit.record(&AuditedRequest {
        time: Timestamp::from_millis(1_900_000_000_000),
        name: "PutObject",
        bucket: "bucket",
        object,
        status: 200,
        received_bytes: 1,
        sent_bytes: 0,
        first_byte: Duration::from_millis(1),
        whole: Duration::from_millis(1),
        client: "127.0.0.1".parse().unwrap(),
        path: "/bucket/object",
        query: "",
        request_headers: &headers,
        response_headers: &headers,
    });
}

async fn verified(folder: &Path) -> Result<AuditReport, Broken> {
    let env = env();
    let end = end_note(&*env.disk, folder).await.unwrap();
    let mut verifier = Verifier::with_end(end.map(|end| (end, END_NOTE.to_owned())));
    for path in files(&*env.disk, folder).await.unwrap() {
        let text = env::read_file(&*env.disk, &path, 1 << 30).await.unwrap();
        verifier.file(&path.file_name().unwrap().to_string_lossy(), &text)?;
    }
    verifier.finish()
}

async fn change(path: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let env = env();
    let text = env::read_file(&*env.disk, path, 1 << 30).await.unwrap();
    env::replace_file(&*env.disk, path, change(text.to_vec()).into()).await.unwrap();
}

async fn paths(folder: &Path) -> Vec<PathBuf> {
    files(&*env().disk, folder).await.unwrap()
}

#[tokio::test]
async fn a_log_goes_on_over_stops_and_starts() {
    let folder = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let audit = to_file(file(folder.path())).await;
        assert!(audit.is_on());
        for number in 0..5 {
            record(&audit, &format!("{run}-{number}"));
        }
        audit.close().await;
    }
    let report = verified(folder.path()).await.unwrap();
    // Each run: a beginning, five requests, an end.
    assert_eq!((report.entries, report.files, report.last_sequence, report.dropped), (21, 1, 21, 0));
    assert!(report.notes.is_empty(), "{report:?}");
}

#[tokio::test]
async fn files_are_bounded_and_the_chain_goes_over_them() {
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions { file_bytes: 4000, files_max: 3, ..file(folder.path()) };
    let audit = to_file(options).await;
    for number in 0..60 {
        record(&audit, &number.to_string());
        if number % 5 == 0 {
            env().clock.sleep(Duration::from_millis(20)).await;
        }
    }
    audit.close().await;
    let found = paths(folder.path()).await;
    assert_eq!(found.len(), 3, "{found:?}");
    let report = verified(folder.path()).await.unwrap();
    assert!(report.first_sequence > 1 && report.last_sequence == 62, "{report:?}");
    assert!(report.notes[0].contains("those before it are in files that were removed"), "{report:?}");
}

#[tokio::test]
async fn a_line_that_was_never_finished_is_told_of_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let audit = to_file(file(folder.path())).await;
    record(&audit, "one");
    audit.close().await;
    let first = paths(folder.path()).await.remove(0);
    change(&first, |mut text| {
        text.extend_from_slice(b"{\"version\":\"1\",\"half");
        text
    })
    .await;
    assert!(verified(folder.path()).await.unwrap_err().what.contains("ends within an entry"));
    to_file(file(folder.path())).await.close().await;
    let report = verified(folder.path()).await.unwrap();
    assert_eq!(report.files, 2);
    assert!(report.notes[0].contains("20 bytes of an entry"), "{report:?}");
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_found_now_and_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let audit = to_file(file(folder.path())).await;
    for number in 0..4 {
        record(&audit, &number.to_string());
    }
    audit.close().await;
    let path = paths(folder.path()).await.remove(0);
    change(&path, |text| {
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        lines[..3].concat()
    })
    .await;
    let found = verified(folder.path()).await.unwrap_err();
    assert!(found.what.contains("entries 4 to 6 are missing"), "{found}");
    to_file(file(folder.path())).await.close().await;
    let found = verified(folder.path()).await.unwrap_err();
    assert!(found.what.contains("entries 4 to 6 are missing") && found.line == 4, "{found}");
}

#[tokio::test]
async fn files_that_hold_no_whole_line_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    to_file(file(folder.path())).await.close().await;
    // An unfinished line, then a file whose first line was never finished, then one that was never written to.
    let first = paths(folder.path()).await.remove(0);
    change(&first, |text| [text, b"{\"tor".to_vec()].concat()).await;
    for (number, text) in [(3, "{\"first"), (4, "")] {
        let path = folder.path().join(crate::folder::name(number));
        env::replace_file(&*env().disk, &path, text.into()).await.unwrap();
    }
    let audit = to_file(file(folder.path())).await;
    record(&audit, "one");
    audit.close().await;
    let report = verified(folder.path()).await.unwrap();
    assert_eq!((report.files, report.last_sequence), (3, 5), "{report:?}");
    assert!(report.notes[0].contains("12 bytes of an entry"), "{report:?}");
}

#[tokio::test]
async fn a_log_that_is_taken_away_while_it_is_written_is_begun_anew_and_says_so() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("audit");
    let audit = to_file(file(&folder)).await;
    record(&audit, "one");
    let env = env();
    let is_synced =
        async || end_note(&*env.disk, &folder).await.unwrap().is_some_and(|end| end.sequence == 2);
    while !is_synced().await {
        env.clock.sleep(Duration::from_millis(20)).await;
    }
    env.disk.remove_directory(&folder).await.unwrap();
    record(&audit, "two");
    // Longer than lines wait to be synced: it goes into the file that has no name any more.
    env.clock.sleep(Duration::from_millis(1500)).await;
    audit.close().await;
    let found = verified(&folder).await.unwrap_err();
    assert!(found.what.contains("entries 1 to 3 are missing"), "{found}");
}

#[tokio::test]
async fn a_folder_that_can_not_be_written_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    env::replace_file(&*env().disk, &path, "text".into()).await.unwrap();
    let options = AuditOptions { file: Some(file(&path)), webhooks: Vec::new() };
    let env = env();
    let said = Audit::open(&env, &outbound(&env), options, "store").await.unwrap_err().to_string();
    assert!(said.contains("can't be written") && said.contains("RUSTFS_AUDIT_FILE_PATH"), "{said}");
}

#[tokio::test]
async fn what_does_not_fit_is_counted_in_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let audit = to_file(FileOptions { queue_entries: 2, ..file(folder.path()) }).await;
    // Nothing is written in between: this test has one thread.
    for number in 0..10 {
        record(&audit, &number.to_string());
    }
    audit.close().await;
    let report = verified(folder.path()).await.unwrap();
    assert_eq!((report.entries, report.dropped), (5, 8), "a beginning, a gap, two requests, an end");
    assert!(report.notes[0].contains("8 entries were lost"), "{report:?}");
}

#[tokio::test]
async fn nothing_is_written_where_there_is_no_target() {
    let audit = opened(AuditOptions::default()).await;
    record(&audit, "one");
    assert!(!audit.is_on());
    audit.close().await;
}

/// Takes what is posted; answers with the statuses in turn, the last one for ever. The bodies are those that were taken.
async fn receiver(statuses: &'static [u16]) -> (String, Arc<Mutex<Vec<(String, String)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://127.0.0.1:{}/audit?key=hidden", listener.local_addr().unwrap().port());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let found = Arc::clone(&taken);
    drop(env().spawn.task(Box::pin(async move {
        let mut statuses = statuses.iter().copied();
        let mut status = 200;
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            status = statuses.next().unwrap_or(status);
            let (head, body) = read_request(&mut stream).await;
            if status < 300 {
                found.lock().push((head, body));
            }
            let answer =
                format!("HTTP/1.1 {status} Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })));
    (address, taken)
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> (String, String) {
    let mut read = Vec::new();
    let mut part = [0u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.to_ascii_lowercase().split("content-length: ").nth(1).and_then(|rest| {
                    rest.lines().next().and_then(|digits| digits.trim().parse::<usize>().ok())
                });
            if body.len() >= length.unwrap_or(0) {
                return (head.to_owned(), body.to_owned());
            }
        }
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return (String::new(), String::new()),
            Ok(count) => read.extend_from_slice(&part[..count]),
        }
    }
}

fn webhook(endpoint: String, queue_entries: usize) -> AuditOptions {
    let webhook =
        WebhookOptions { name: "one".into(), endpoint, token: "secret-token".into(), queue_entries };
    AuditOptions { file: None, webhooks: vec![webhook] }
}

async fn wait_for(what: impl Fn() -> bool) {
    let env = env();
    let waited = async {
        while !what() {
            env.clock.sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(env::within(&*env.clock, Duration::from_secs(30), waited).await.is_some(), "it did not come");
}

fn verify_bodies(taken: &[(String, String)]) -> AuditReport {
    let mut verifier = Verifier::default();
    let text: String = taken.iter().map(|(_, body)| body.as_str()).collect();
    verifier.file("webhook", text.as_bytes()).unwrap();
    verifier.finish().unwrap()
}

#[tokio::test]
async fn a_webhook_that_fails_and_returns_gets_every_entry_once_and_in_order() {
    let (address, taken) = receiver(&[503, 200, 500, 404, 200]).await;
    let audit = opened(webhook(address, 100)).await;
    for number in 0..3 {
        record(&audit, &number.to_string());
    }
    wait_for(|| taken.lock().len() == 4).await;
    audit.close().await;
    let taken = taken.lock().clone();
    let report = verify_bodies(&taken);
    assert_eq!((report.entries, report.first_sequence, report.dropped), (5, 1, 0));
    let head = taken[0].0.to_ascii_lowercase();
    assert!(
        head.contains("authorization: bearer secret-token")
            && head.contains("content-type: application/json")
    );
}

#[tokio::test]
async fn what_a_webhook_refuses_or_has_no_room_for_is_told_in_its_chain() {
    let (address, taken) = receiver(&[200, 400, 200]).await;
    let audit = opened(webhook(address, 2)).await;
    wait_for(|| taken.lock().len() == 1).await;
    for number in 0..10 {
        record(&audit, &number.to_string());
    }
    // Two waited, the others found no room; the line about those is refused at first.
    wait_for(|| taken.lock().len() >= 4).await;
    audit.close().await;
    let report = verify_bodies(&taken.lock());
    assert_eq!(report.dropped, 8, "{report:?}");
}

#[tokio::test]
async fn an_address_that_is_none_stops_the_start_without_showing_it() {
    let env = env();
    for address in ["", "ftp://a/hidden", "http:///hidden", "hidden"] {
        let options = webhook(address.to_owned(), 1);
        let said = Audit::open(&env, &outbound(&env), options, "store").await.unwrap_err().to_string();
        assert!(said.contains("the audit webhook one can't be used") && !said.contains("hidden"), "{said}");
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_webhook_that_is_gone() {
    let audit = opened(webhook("http://127.0.0.1:1/".into(), 10)).await;
    record(&audit, "one");
    let env = env();
    let begun = env.clock.monotonic();
    audit.close().await;
    assert!(env.clock.monotonic() - begun < CLOSE_TIME_MAX);
}
