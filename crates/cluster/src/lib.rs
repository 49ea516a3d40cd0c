//! Which drives there are and where things go.
