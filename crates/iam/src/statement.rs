//! A statement: an effect, and what has to be so for it.
//!
//! Always true: a statement that is read has an effect, actions and resources; what it does not say it does not ask. A
//! decision looks at the cheapest first: the action, whom it is about, the resource, the conditions.

use crate::action::Action;
use crate::action_pattern::Actions;
use crate::condition::KeyCondition;
use crate::context::Context;
use crate::json::Json;
use crate::malformed::PolicyFault;
use crate::policy::PolicyKind;
use crate::principal_pattern::{Principals, Reach};
use crate::requester::Requester;
use crate::resource_pattern::{ResourceText, Resources};

/// What a statement does to what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    pub(crate) principals: Option<Principals>,
    pub(crate) actions: Actions,
    /// None where the document has none: trust policies, and administrators' policies as MinIO writes them.
    pub(crate) resources: Option<Resources>,
    pub(crate) conditions: Box<[KeyCondition]>,
}

/// A request in the form in which statements are compared with it.
pub(crate) struct Question<'a> {
    pub(crate) requester: &'a Requester,
    pub(crate) action: Action,
    pub(crate) resource: ResourceText<'a>,
    pub(crate) context: &'a Context<'a>,
}

/// Why a statement is not about a request: the first of its elements that does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss<'p> {
    Action,
    Principal,
    Resource,
    Condition(&'p KeyCondition),
}

impl Statement {
    /// How it reaches the request that it is about.
    pub(crate) fn reach<'p>(&'p self, question: &Question<'_>) -> Result<Reach, Miss<'p>> {
        let is_deny = self.effect == Effect::Deny;
        if !self.actions.contains(question.action) {
            return Err(Miss::Action);
        }
        // A policy of an identity names nobody: it is about whom it is attached to.
        let reach = match &self.principals {
            None => Some(Reach::Direct),
            Some(principals) => principals.reach(question.requester, is_deny),
        };
        let reach = reach.ok_or(Miss::Principal)?;
        let is_about =
            |resources: &Resources| resources.contains(&question.resource, question.context, is_deny);
        if !self.resources.as_ref().is_none_or(is_about) {
            return Err(Miss::Resource);
        }
        match self.conditions.iter().find(|condition| !condition.holds(question.context)) {
            Some(condition) => Err(Miss::Condition(condition)),
            None => Ok(reach),
        }
    }

    /// Reads a statement of a policy of some kind.
    pub(crate) fn parse(json: &Json, kind: PolicyKind<'_>, has_variables: bool) -> Result<Self, PolicyFault> {
        let elements = Elements::new(json, kind)?;
        let actions = elements.actions()?;
        let resources = elements.resources(&actions, has_variables)?;
        let conditions = match elements.get("Condition") {
            Some(element) => KeyCondition::parse_all(element, has_variables)?,
            None => Box::default(),
        };
        let (sid, effect, principals) = (elements.sid()?, elements.effect()?, elements.principals()?);
        Ok(Self { sid, effect, principals, actions, resources, conditions })
    }
}

/// The elements of a statement that is being read.
struct Elements<'j> {
    members: &'j [(String, Json)],
    kind: PolicyKind<'j>,
}

/// Every element that a statement can have.
const ELEMENTS: &[&str] = &[
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

const TEXTS_WANTED: &str = "a text or a list of texts that is not empty";

impl<'j> Elements<'j> {
    fn new(json: &'j Json, kind: PolicyKind<'j>) -> Result<Self, PolicyFault> {
        let Json::Object(members) = json else {
            return Err(PolicyFault::Shape { name: "Statement", wanted: "an object or a list of objects" });
        };
        let unknown = members.iter().find(|(name, _)| !ELEMENTS.contains(&name.as_str()));
        match unknown {
            Some((name, _)) => Err(PolicyFault::UnknownField { name: name.clone() }),
            None => Ok(Self { members, kind }),
        }
    }

    fn get(&self, name: &str) -> Option<&'j Json> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// One of two elements, and whether it is the negated one.
    fn either(
        &self,
        one: &'static str,
        not_one: &'static str,
    ) -> Result<Option<(&'j Json, bool)>, PolicyFault> {
        match (self.get(one), self.get(not_one)) {
            (Some(_), Some(_)) => Err(PolicyFault::BothFields { one, other: not_one }),
            (Some(element), None) => Ok(Some((element, false))),
            (None, Some(element)) => Ok(Some((element, true))),
            (None, None) => Ok(None),
        }
    }

    fn sid(&self) -> Result<Option<Box<str>>, PolicyFault> {
        match self.get("Sid") {
            None => Ok(None),
            Some(Json::Text(sid)) if sid.is_empty() => Ok(None),
            Some(Json::Text(sid)) if self.kind.is_bucket() || is_alphanumeric(sid) => {
                Ok(Some(sid.as_str().into()))
            }
            Some(Json::Text(sid)) => Err(PolicyFault::SidCharacters { sid: sid.clone() }),
            Some(_) => Err(PolicyFault::Shape { name: "Sid", wanted: "a text" }),
        }
    }

    fn effect(&self) -> Result<Effect, PolicyFault> {
        match self.get("Effect") {
            Some(Json::Text(effect)) if effect == "Allow" => Ok(Effect::Allow),
            Some(Json::Text(effect)) if effect == "Deny" => Ok(Effect::Deny),
            Some(Json::Text(effect)) => Err(PolicyFault::Effect { effect: effect.clone() }),
            Some(_) => Err(PolicyFault::Shape { name: "Effect", wanted: "a text" }),
            None => Err(PolicyFault::MissingField { name: "Effect" }),
        }
    }

    fn principals(&self) -> Result<Option<Principals>, PolicyFault> {
        let element = self.either("Principal", "NotPrincipal")?;
        match (element, self.kind.names_principals()) {
            (None, true) => Err(PolicyFault::MissingField { name: "Principal" }),
            (None, false) => Ok(None),
            (Some((element, is_negated)), true) => Principals::parse(element, is_negated).map(Some),
            (Some((_, is_negated)), false) => {
                let name = if is_negated { "NotPrincipal" } else { "Principal" };
                Err(PolicyFault::ProhibitedInIdentityPolicy { name })
            }
        }
    }

    fn actions(&self) -> Result<Actions, PolicyFault> {
        let element = self.either("Action", "NotAction")?;
        let (element, is_negated) = element.ok_or(PolicyFault::MissingField { name: "Action" })?;
        let sources = texts(element).ok_or(PolicyFault::Shape { name: "Action", wanted: TEXTS_WANTED })?;
        Actions::parse(sources, is_negated, self.kind.only_service())
    }

    fn resources(&self, actions: &Actions, has_variables: bool) -> Result<Option<Resources>, PolicyFault> {
        let element = self.either("Resource", "NotResource")?;
        let Some((element, is_negated)) = element else {
            let needs_none = self.kind.is_trust() || self.kind.is_identity() && actions.need_no_resource();
            return if needs_none { Ok(None) } else { Err(PolicyFault::MissingField { name: "Resource" }) };
        };
        if self.kind.is_trust() {
            return Err(PolicyFault::ProhibitedInTrustPolicy { name: "Resource" });
        }
        let sources = texts(element).ok_or(PolicyFault::Shape { name: "Resource", wanted: TEXTS_WANTED })?;
        Resources::parse(sources, is_negated, has_variables, self.kind.bucket()).map(Some)
    }
}

/// A text or a list of texts; none if there is none, or something else.
fn texts(json: &Json) -> Option<Vec<Box<str>>> {
    let text = |json: &Json| match json {
        Json::Text(text) => Some(text.as_str().into()),
        _ => None,
    };
    match json {
        Json::List(list) if !list.is_empty() => list.iter().map(text).collect(),
        single => text(single).map(|text| vec![text]),
    }
}

fn is_alphanumeric(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
