//! Who signed a request: SigV4 in the header, in the query and over chunks.
