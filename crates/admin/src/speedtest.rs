//! `mc support perf client`: how fast a client can send to this server.

use std::time::Duration;

use serde_json::json;

use crate::answer::Answer;
use crate::body::RequestBody;
use crate::call::Call;
use crate::error::AdminError;

/// The longest test, by which the client has ended it; a little more, so that the client is the one who ends it.
const TIME_MAX: Duration = Duration::from_secs(35);

/// Takes a body and throws it away. It has no end: the client goes away when its time is over.
pub(crate) async fn dev_null(call: &Call<'_>, body: &mut RequestBody) -> Result<Answer, AdminError> {
    let all = async {
        while body.next().await?.is_some() {}
        Ok(Answer::Done)
    };
    env::within(&*call.shared.env.clock, TIME_MAX, all).await.unwrap_or(Ok(Answer::Done))
}

/// The time that the server took beside receiving: none, as it does nothing with what it receives.
pub(crate) fn dev_null_extra_time() -> Result<Answer, AdminError> {
    Answer::json(&json!({ "dur": 0 }))
}
