//! Identities and authorisation: deny by default.
