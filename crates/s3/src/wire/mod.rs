//! What generated code stands on: strict bounded XML, headers, time formats.
