//! What happens later: gc, heal, refill; paced and observable.
