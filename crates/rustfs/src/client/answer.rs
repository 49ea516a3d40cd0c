//! What became of a request: pure, from a status and a body.

use outbound::OutboundError;
use serde_json::{Value, json};

use super::ExitKind;
use super::table::clean;

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// It was done; the answer's document, `{}` where it had none.
    Done(Value),
    /// It was not.
    Failed {
        /// How the command ends.
        exit: ExitKind,
        /// The code of the server, or ours.
        code: String,
        /// Who is to do what.
        message: String,
        /// What the server sent, where it was a document.
        document: Option<Value>,
    },
}

impl Outcome {
    /// Of words that make no sense.
    pub(crate) fn words(message: &str) -> Self {
        Self::failed(ExitKind::Words, "Usage", message.to_owned())
    }

    /// Of a server that did not answer.
    pub(crate) fn unreachable(error: &OutboundError, server: &str) -> Self {
        let advice = match error {
            OutboundError::Late { .. } => {
                "It is busy, hangs on a drive, or something between drops what is sent: look at its log"
            }
            OutboundError::TooLong { .. } => {
                "It is no RustFS server, or has more to tell than this command takes"
            }
            _ => "Start the server, or name the one that runs with --url (or RUSTFS_ADMIN_URL)",
        };
        let message = match error {
            OutboundError::Address | OutboundError::Certificate { .. } => format!("{server}: {error}"),
            _ => error.to_string(),
        };
        Self::failed(ExitKind::Unreachable, "Unreachable", format!("{}. {advice}", clean(&message)))
    }

    /// Of an answer. `is_default`: nobody has chosen the keys that signed.
    pub(crate) fn of_answer(status: u16, body: &[u8], is_default: bool, server: &str) -> Self {
        let document = match body.iter().all(u8::is_ascii_whitespace) {
            true => Some(json!({})),
            false => serde_json::from_slice::<Value>(body).ok(),
        };
        match document {
            Some(document) if (200..300).contains(&status) => Self::Done(document),
            Some(document) => Self::refused(status, document, is_default, server),
            None => Self::strange(status, server),
        }
    }

    fn refused(status: u16, document: Value, is_default: bool, server: &str) -> Self {
        // The health routes give reasons instead.
        let reasons = document["reasons"]
            .as_array()
            .map(|reasons| reasons.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "));
        let code = match (&document["Code"], &document["status"]) {
            (Value::String(code), _) | (_, Value::String(code)) => code.clone(),
            _ => return Self::strange(status, server),
        };
        let told = document["Message"].as_str().map(str::to_owned).or(reasons).unwrap_or_default();
        let exit = if matches!(status, 401 | 403) { ExitKind::NotAllowed } else { ExitKind::Refused };
        let advice =
            if exit == ExitKind::NotAllowed { advice(&code, is_default, &document) } else { String::new() };
        let message = clean(&format!("{}{advice}", told.trim()));
        Self::Failed { exit, code: clean(&code), message, document: Some(document) }
    }

    fn strange(status: u16, server: &str) -> Self {
        let message = format!(
            "what answers at {server} does not speak RustFS's admin API (HTTP status {status}): look at --url, and at the \
             proxies on the way"
        );
        Self::failed(ExitKind::Refused, "NoAdminApi", message)
    }

    fn failed(exit: ExitKind, code: &str, message: String) -> Self {
        Self::Failed { exit, code: code.to_owned(), message, document: None }
    }

    /// How the command ends.
    pub(crate) fn exit(&self) -> ExitKind {
        match self {
            Self::Done(_) => ExitKind::Done,
            Self::Failed { exit, .. } => *exit,
        }
    }

    /// For programs: the server's own document, or one of its form.
    pub(crate) fn document(&self) -> Value {
        match self {
            Self::Done(document) => document.clone(),
            Self::Failed { document: Some(document), .. } => document.clone(),
            Self::Failed { code, message, .. } => json!({ "Code": code, "Message": message }),
        }
    }

    /// For people.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Done(_) => String::new(),
            Self::Failed { exit: ExitKind::Words | ExitKind::Unreachable, message, .. } => message.clone(),
            Self::Failed { code, message, .. } if message.is_empty() => code.clone(),
            Self::Failed { code, message, .. } => format!("{message} ({code})"),
        }
    }
}

/// What who is not let in can do.
fn advice(code: &str, is_default: bool, document: &Value) -> String {
    if is_default {
        return " No keys were given, so the documented pair was tried: set RUSTFS_ACCESS_KEY and RUSTFS_SECRET_KEY.".into();
    }
    match code {
        "AccessDenied" => match document["RequestId"].as_str() {
            Some(request) => format!(" An administrator is told why by `rustfs admin why {request}`."),
            None => String::new(),
        },
        "SignatureDoesNotMatch" => {
            " Look at RUSTFS_SECRET_KEY; a proxy that changes Host or path does the same.".into()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, body: &str) -> Outcome {
        Outcome::of_answer(status, body.as_bytes(), false, "http://store:9000")
    }

    #[test]
    fn the_status_decides_how_a_command_ends() {
        let error = r#"{"Code":"XMinioAdminNoSuchUser","Message":"There is no such user."}"#;
        for (status, body, exit) in [
            (200, "", ExitKind::Done),
            (204, "", ExitKind::Done),
            (200, "{\"a\":1}", ExitKind::Done),
            (404, error, ExitKind::Refused),
            (403, error, ExitKind::NotAllowed),
            (401, error, ExitKind::NotAllowed),
            (503, "{\"status\":\"unavailable\",\"reasons\":[\"no drives\"]}", ExitKind::Refused),
            (502, "<html>Bad Gateway</html>", ExitKind::Refused),
            (200, "<html>welcome</html>", ExitKind::Refused),
            (404, "{\"other\":true}", ExitKind::Refused),
            (500, "", ExitKind::Refused),
        ] {
            assert_eq!(outcome(status, body).exit(), exit, "{status} {body}");
        }
    }

    #[test]
    fn an_error_names_the_code_and_what_to_do() {
        let refused = outcome(404, r#"{"Code":"NoSuchKey","Message":"There is none."}"#);
        assert_eq!(refused.sentence(), "There is none. (NoSuchKey)");
        assert_eq!(refused.document()["Code"], "NoSuchKey");
        let denied = outcome(403, r#"{"Code":"AccessDenied","Message":"No.","RequestId":"17"}"#);
        assert!(denied.sentence().contains("rustfs admin why 17"), "{}", denied.sentence());
        let default = Outcome::of_answer(403, br#"{"Code":"InvalidAccessKeyId","Message":"No."}"#, true, "s");
        assert!(default.sentence().contains("set RUSTFS_ACCESS_KEY"), "{}", default.sentence());
        let ready = outcome(503, r#"{"status":"unavailable","reasons":["a","b"]}"#);
        assert_eq!(ready.sentence(), "a; b (unavailable)");
        assert!(outcome(502, "<html>").sentence().contains("look at --url"));
        assert_eq!(outcome(502, "<html>").document()["Code"], "NoAdminApi");
    }

    #[test]
    fn nothing_that_a_server_says_moves_the_terminal() {
        let bad = outcome(400, "{\"Code\":\"X\\u001b[2J\",\"Message\":\"a\\u0007b\"}").sentence();
        assert!(bad.chars().all(|c| !c.is_control()), "{bad:?}");
    }
}
