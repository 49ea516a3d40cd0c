//! A drive of its own: segments, files, restarts and damage.
