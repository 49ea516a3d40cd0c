//! Systematic Reed-Solomon over GF(2^8) with a Cauchy matrix, as ISA-L lays it out.
