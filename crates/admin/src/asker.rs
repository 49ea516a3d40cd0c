//! The one place where this API asks whether somebody may.

use iam::{Action, Authorized, Context, ContextKey, Iam, Question, ROOT_ACCOUNT_NUMBER, Resource};
use model::time::Timestamp;

use crate::call::Caller;
use crate::error::AdminError;
use crate::query::Query;
use crate::route::Needed;

/// Who asks, for all questions about one request.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) iam: &'a Iam,
    pub(crate) caller: &'a Caller,
    /// The id of the request, under which a refusal can be looked up.
    pub(crate) request: &'a str,
    /// The agent that the client names itself.
    pub(crate) agent: &'a str,
    pub(crate) now: Timestamp,
}

impl Asker<'_> {
    /// Whether they may do what a route is for.
    pub(crate) fn ask_for(&self, needed: Needed, query: &Query) -> Result<Option<Authorized>, AdminError> {
        let action = match needed {
            Needed::Action(action) => action,
            Needed::ByValue { parameter, actions } => {
                let value = query.need(parameter)?;
                let found = actions.iter().find(|(known, _)| *known == value);
                found.map(|(_, action)| *action).ok_or_else(|| {
                    AdminError::argument(format!("The query parameter {parameter} can't be {value}."))
                })?
            }
            Needed::Known => return Ok(None),
        };
        self.ask(action).map(Some)
    }

    /// Whether they may do something to the store as a whole, which is root's.
    pub(crate) fn ask(&self, action: Action) -> Result<Authorized, AdminError> {
        let context = self.context();
        let question = question(action, Resource::Service, &context);
        Ok(self.iam.authorize(&self.caller.who, &question, self.request)?)
    }

    /// Whether they may do something, for what depends on it and is not it.
    pub(crate) fn may(&self, action: Action, resource: Resource<'_>) -> bool {
        let context = self.context();
        self.iam.allows(&self.caller.who, &question(action, resource, &context))
    }

    /// Whether a policy denies them something, other than that none allows it.
    pub(crate) fn is_denied(&self, action: Action) -> bool {
        let who = &self.caller.who;
        if who.is_unlimited() {
            return false;
        }
        let context = self.context();
        let explained = self.iam.explain(who, &question(action, Resource::Service, &context));
        explained.statements.iter().any(|statement| !statement.allows && statement.mismatch.is_none())
    }

    fn context(&self) -> Context<'_> {
        let mut context = Context::new();
        self.caller.who.describe(&mut context);
        let seconds = (self.now.millis() / 1000).to_string();
        context.set(ContextKey::SourceIp, self.caller.source.to_canonical().to_string());
        context.set(ContextKey::SecureTransport, if self.caller.is_tls { "true" } else { "false" });
        context.set(ContextKey::CurrentTime, seconds.clone());
        context.set(ContextKey::EpochTime, seconds);
        context.set(ContextKey::UserAgent, self.agent);
        context
    }
}

fn question<'q>(action: Action, resource: Resource<'q>, context: &'q Context<'q>) -> Question<'q> {
    let resource_account = Some(ROOT_ACCOUNT_NUMBER);
    Question { action, resource, resource_account, resource_policy: None, context }
}
