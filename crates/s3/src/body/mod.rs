//! Bodies as clients send them: plain, signed chunks, chunks with trailers; and their digests.
